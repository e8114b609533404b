// The device language: bits and arithmetic. The approximate functions of a device are exact here.
#pragma once

#include <bit>
#include <cmath>

// CUDA has them in the global namespace.
using std::isfinite;
using std::isinf;
using std::isnan;

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __popcll(unsigned long long bits) { return std::popcount(bits); }
inline int __clz(int bits) { return std::countl_zero(static_cast<unsigned>(bits)); }
inline int __clzll(long long bits) { return std::countl_zero(static_cast<unsigned long long>(bits)); }
inline int __ffs(int bits) { return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1; }

inline int __float_as_int(float value) { return std::bit_cast<int>(value); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __int_as_float(int bits) { return std::bit_cast<float>(bits); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }

// Macros, because the C library declares functions of these names (and has none).
#define __expf(x) (::expf(x))
#define __logf(x) (::logf(x))
#define __fdividef(x, y) ((x) / (y))

inline float __fmaf_rn(float a, float b, float c) { return ::fmaf(a, b, c); }
// Never fused; nor is anything here (-ffp-contract=off).
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float rsqrtf(float x) { return 1.0f / ::sqrtf(x); }
inline float __saturatef(float x) { return x > 0 ? (x < 1 ? x : 1.0f) : 0.0f; }  // of NaN: 0

#define KVSCOPE_SIMT_MIN_MAX(T)                    \
  inline T min(T a, T b) { return b < a ? b : a; } \
  inline T max(T a, T b) { return a < b ? b : a; }
KVSCOPE_SIMT_MIN_MAX(int)
KVSCOPE_SIMT_MIN_MAX(unsigned)
KVSCOPE_SIMT_MIN_MAX(long long)
KVSCOPE_SIMT_MIN_MAX(unsigned long long)
#undef KVSCOPE_SIMT_MIN_MAX
// Of a number and NaN: the number, as on a device.
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
