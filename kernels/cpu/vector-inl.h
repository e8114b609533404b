// Helpers on Highway vectors that the kernels share. Included once per target, inside HWY_BEFORE_NAMESPACE().
#if defined(KERNELS_CPU_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERNELS_CPU_VECTOR_INL_H_
#undef KERNELS_CPU_VECTOR_INL_H_
#else
#define KERNELS_CPU_VECTOR_INL_H_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// Sums are kept in 16 lanes whatever the machine has: one vector with AVX-512, two with AVX2, four with NEON.
inline constexpr size_t kSumLanes = 16;
using F = hn::CappedTag<float, kSumLanes>;
using V = hn::Vec<F>;
inline constexpr size_t kLanes = hn::MaxLanes(F());
inline constexpr size_t kVectors = kSumLanes / kLanes;

#if HWY_TARGET == HWY_SCALAR
HWY_INLINE float FoldToOne(F, V v) { return hn::GetLane(v); }
#else
template <typename D>
HWY_INLINE float FoldToOne(D, hn::Vec<D> v) {
  if constexpr (hn::MaxLanes(D()) == 1) {
    return hn::GetLane(v);
  } else {
    const hn::Half<D> half;
    return FoldToOne(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  }
}
#endif

// Sum of the 16 lanes of kVectors vectors. Lane i meets lane i + 8, then i + 4, i + 2, i + 1: the same
// additions in the same order on every target.
HWY_INLINE float SumLanes(const V* vectors) {
  V v[kVectors];
  for (size_t i = 0; i < kVectors; ++i) v[i] = vectors[i];
  for (size_t n = kVectors / 2; n >= 1; n /= 2) {
    for (size_t i = 0; i < n; ++i) v[i] = hn::Add(v[i], v[i + n]);
  }
  return FoldToOne(F(), v[0]);
}

// 2^x for x of at most 127, relative error below 3e-6; exactly 0 from -127 downwards and 1 at 0. NaN stays
// NaN. Of 2^x = 2^n 2^f with n the nearest integer, 2^f is a polynomial (minimax on [-0.5, 0.5] with value 1
// at 0).
HWY_INLINE V Exp2(F d, V x) {
  const hn::Rebind<int32_t, F> di;
  const V magic = hn::Set(d, 0x1.8p23f);  // added to a small number, leaves it as an integer in the low bits
  x = hn::Max(hn::Set(d, -127.0f), x);  // in this order: of x86's maximum with NaN the second operand remains
  const V shifted = hn::Add(x, magic);
  const V f = hn::Sub(x, hn::Sub(shifted, magic));
  V power = hn::MulAdd(hn::Set(d, 0.00958285294f), f, hn::Set(d, 0.0559064262f));
  power = hn::MulAdd(power, f, hn::Set(d, 0.240240991f));
  power = hn::MulAdd(power, f, hn::Set(d, 0.693124175f));
  power = hn::MulAdd(power, f, hn::Set(d, 1.0f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, power), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_VECTOR_INL_H_
