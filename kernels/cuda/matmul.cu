#include "kernels/cuda/matmul.h"

#include <climits>

#include "kernels/cuda/dequantize.cuh"
#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr int kThreads = 128;
constexpr unsigned kSumLanes = 16;
constexpr unsigned kRowsPerBlock = kThreads / kSumLanes;
constexpr unsigned kTileTokens = 8;  // share a weight once it is dequantized

// kSumLanes lanes for each row of w, each with every kSumLanes-th column. Blocks: (rows, tiles of tokens).
template <DType kType>
__global__ void __launch_bounds__(kThreads) MatMulKernel(WeightMatrix w, size_t row_bytes, const float* x,
                                                         size_t tokens, float* y) {
  const size_t r = static_cast<size_t>(blockIdx.x) * kRowsPerBlock + threadIdx.x / kSumLanes;
  const unsigned lane = threadIdx.x % kSumLanes;
  const size_t first = static_cast<size_t>(blockIdx.y) * kTileTokens;
  const unsigned count = static_cast<unsigned>(tokens - first < kTileTokens ? tokens - first : kTileTokens);
  const float* tile = x + first * w.columns;

  float sums[kTileTokens] = {};
  if (r < w.rows) {
    const std::byte* row = w.data + r * row_bytes;
    for (size_t k = lane; k < w.columns; k += kSumLanes) {
      const float weight = StoredElement<kType>(row, k);
#pragma unroll
      for (unsigned t = 0; t < kTileTokens; ++t) {
        if (t < count) sums[t] = fmaf(tile[t * w.columns + k], weight, sums[t]);
      }
    }
  }
#pragma unroll
  for (unsigned t = 0; t < kTileTokens; ++t) {
    if (t == count) break;
#pragma unroll
    for (int distance = kSumLanes / 2; distance > 0; distance /= 2) {
      sums[t] += __shfl_xor_sync(0xffffffffu, sums[t], distance);
    }
    if (lane == 0 && r < w.rows) y[(first + t) * w.rows + r] = sums[t];
  }
}

template <DType kType>
cudaError_t LaunchFor(const WeightMatrix& w, const float* x, size_t tokens, float* y, cudaStream_t stream) {
  constexpr size_t kMaxTiles = 65535;  // of a grid's second dimension
  const unsigned row_blocks = static_cast<unsigned>((w.rows + kRowsPerBlock - 1) / kRowsPerBlock);
  for (size_t first = 0; first < tokens; first += kMaxTiles * kTileTokens) {
    const size_t n = tokens - first < kMaxTiles * kTileTokens ? tokens - first : kMaxTiles * kTileTokens;
    const unsigned tiles = static_cast<unsigned>((n + kTileTokens - 1) / kTileTokens);
    const cudaError_t error =
        Launch<MatMulKernel<kType>>(dim3(row_blocks, tiles), dim3(kThreads), 0, stream, w,
                                    RowBytes(kType, w.columns), x + first * w.columns, n, y + first * w.rows);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t MatMulOnDevice(const WeightMatrix& w, const float* x, size_t tokens, float* y, cudaStream_t stream) {
  if (tokens == 0) return cudaSuccess;
  if (w.data == nullptr || x == nullptr || y == nullptr || w.rows == 0 || w.columns == 0 || w.rows > INT_MAX ||
      w.columns > INT_MAX || tokens > INT_MAX || w.columns % BlockElements(w.dtype) != 0) {
    return cudaErrorInvalidValue;
  }
  return WithStoredType(w.dtype, [&]<DType kType>() { return LaunchFor<kType>(w, x, tokens, y, stream); });
}

}  // namespace kvscope
