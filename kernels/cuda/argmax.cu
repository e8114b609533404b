#include "kernels/cuda/argmax.h"

#include <climits>

#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;

// The largest element so far; `index` is INT_MAX where there is none.
struct Best {
  float value;
  int index;
};

__device__ __forceinline__ Best Better(Best a, Best b) {
  return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}

__device__ __forceinline__ Best WarpBest(Best best) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    const Best other = {__shfl_xor_sync(0xffffffffu, best.value, distance),
                        __shfl_xor_sync(0xffffffffu, best.index, distance)};
    best = Better(best, other);
  }
  return best;
}

// A block for each row.
__global__ void __launch_bounds__(kThreads) ArgMaxFiniteKernel(const float* x, size_t columns, int* out) {
  KVSCOPE_SHARED(float, values, kWarps);
  KVSCOPE_SHARED(int, indices, kWarps);
  const float* row = x + blockIdx.x * columns;
  Best best = {-INFINITY, INT_MAX};
  int finite = 1;
  for (size_t i = threadIdx.x; i < columns; i += kThreads) {
    const float value = row[i];
    finite &= isfinite(value) ? 1 : 0;
    best = Better(best, {value, static_cast<int>(i)});
  }
  best = WarpBest(best);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) {
    values[warp] = best.value;
    indices[warp] = best.index;
  }
  finite = __syncthreads_and(finite);
  if (warp != 0) return;
  best = WarpBest(lane < kWarps ? Best{values[lane], indices[lane]} : Best{-INFINITY, INT_MAX});
  if (lane == 0) out[blockIdx.x] = finite != 0 ? best.index : -1;
}

}  // namespace

cudaError_t ArgMaxFiniteOnDevice(const float* x, size_t rows, size_t columns, int* out, cudaStream_t stream) {
  if (rows == 0) return cudaSuccess;
  if (x == nullptr || out == nullptr || columns == 0 || columns > INT_MAX || rows > INT_MAX) {
    return cudaErrorInvalidValue;
  }
  return Launch<ArgMaxFiniteKernel>(dim3(static_cast<unsigned>(rows)), dim3(kThreads), 0, stream, x, columns, out);
}

}  // namespace kvscope
