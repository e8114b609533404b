// Sums over a warp and over a block, in a fixed order; maxima.
#pragma once

#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

// The sum over the warp, the same bits in every lane. REQUIRES: all lanes call it.
__device__ __forceinline__ float WarpSum(float value) {
#pragma unroll
  for (int distance = warpSize / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  }
  return value;
}

// The maximum over the warp. REQUIRES: all lanes call it.
__device__ __forceinline__ float WarpMax(float value) {
#pragma unroll
  for (int distance = warpSize / 2; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, distance));
  }
  return value;
}

// The sum over the block, the same bits in every thread. REQUIRES: all kThreads threads call it, a multiple
// of 32; `partial` is shared memory that no thread uses until the block's next barrier.
template <int kThreads>
__device__ __forceinline__ float BlockSum(float value, float (&partial)[kThreads / 32]) {
  static_assert(kThreads % 32 == 0 && kThreads <= 1024);
  const unsigned warp = threadIdx.x / warpSize;
  const unsigned lane = threadIdx.x % warpSize;
  value = WarpSum(value);
  if (lane == 0) partial[warp] = value;
  __syncthreads();
  return WarpSum(lane < kThreads / 32 ? partial[lane] : 0.0f);
}

}  // namespace
}  // namespace kvscope
