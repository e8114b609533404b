// Elements of arrays as floats and back. Narrowing rounds to nearest even.
#pragma once

#include <cstdint>

#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

__device__ __forceinline__ float ToFloat(float value) { return value; }
__device__ __forceinline__ float ToFloat(__half value) { return __half2float(value); }
__device__ __forceinline__ float ToFloat(__nv_bfloat16 value) { return __bfloat162float(value); }

__device__ __forceinline__ void Store(float value, float* out) { *out = value; }
// In two steps: GCC does not show sanitizers the store of what a call returns.
__device__ __forceinline__ void Store(float value, __half* out) {
  const __half rounded = __float2half(value);
  *out = rounded;
}
__device__ __forceinline__ void Store(float value, __nv_bfloat16* out) { *out = __float2bfloat16(value); }

// Two bfloat16 as they lie beside each other in memory.
__device__ __forceinline__ uint32_t PairOf(float first, float second) {
  return __bfloat16_as_ushort(__float2bfloat16(first)) |
         static_cast<uint32_t>(__bfloat16_as_ushort(__float2bfloat16(second))) << 16;
}

// Loads 8 elements in loads of 16 bytes. REQUIRES: `from` is aligned to 16 bytes.
__device__ __forceinline__ void Load8(const float* from, float (&out)[8]) {
  const float4 low = reinterpret_cast<const float4*>(from)[0];
  const float4 high = reinterpret_cast<const float4*>(from)[1];
  out[0] = low.x, out[1] = low.y, out[2] = low.z, out[3] = low.w;
  out[4] = high.x, out[5] = high.y, out[6] = high.z, out[7] = high.w;
}

__device__ __forceinline__ float FloatOfBits(unsigned short bits, const __half*) {
  return ToFloat(__ushort_as_half(bits));
}
__device__ __forceinline__ float FloatOfBits(unsigned short bits, const __nv_bfloat16*) {
  return ToFloat(__ushort_as_bfloat16(bits));
}

template <class Half>
__device__ __forceinline__ void Load8(const Half* from, float (&out)[8]) {
  const uint4 bits = *reinterpret_cast<const uint4*>(from);
  const unsigned words[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    out[2 * i] = FloatOfBits(static_cast<unsigned short>(words[i] & 0xffff), from);
    out[2 * i + 1] = FloatOfBits(static_cast<unsigned short>(words[i] >> 16), from);
  }
}

}  // namespace
}  // namespace kvscope
