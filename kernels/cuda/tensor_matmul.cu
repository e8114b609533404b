#include "kernels/cuda/tensor_matmul.h"

#include <algorithm>
#include <climits>
#include <cstdint>

#include "kernels/cuda/dequantize.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/stored_tile.cuh"
#include "kernels/cuda/tensor_core.cuh"

namespace kvscope {
namespace {

constexpr unsigned kTileColumns = 64;
// Rows in shared memory are 16 bytes longer than needed: the rows of a matrix that is loaded meet no bank twice.
constexpr unsigned kStride = kTileColumns + 8;
constexpr unsigned kRowsPerWarp = 16;
constexpr unsigned kTokensPerProduct = 8;

// A block has 16 rows of weights for each warp and kTokens tokens. Two tiles of columns take turns: one is multiplied while
// the other is on its way.
template <unsigned kWarps, unsigned kTokens>
struct Tiles {
  static constexpr unsigned kRows = kWarps * kRowsPerWarp;
  static constexpr unsigned kThreads = kWarps * 32;
  __nv_bfloat16 weights[2][kRows][kStride];
  __nv_bfloat16 x[2][kTokens][kStride];
};

// Starts to copy columns [column, column + kTileColumns) of tokens [first, first + kTokens); zeros beyond either end.
template <unsigned kThreads, unsigned kTokens>
__device__ __forceinline__ void StartActivations(const __nv_bfloat16* x, size_t tokens, size_t columns, size_t first,
                                                 size_t column, __nv_bfloat16 (&tile)[kTokens][kStride]) {
  constexpr unsigned kCopyElements = 16 / sizeof(__nv_bfloat16);
  constexpr unsigned kCopiesPerToken = kTileColumns / kCopyElements;
  for (unsigned at = threadIdx.x; at < kTokens * kCopiesPerToken; at += kThreads) {
    const unsigned t = at / kCopiesPerToken, c = at % kCopiesPerToken * kCopyElements;
    const bool inside = first + t < tokens && column + c < columns;
    StartCopy(&tile[t][c], inside ? x + (first + t) * columns + column + c : x, inside);
  }
}

// A thread's share of a tile of weights: a run of a row.
template <DType kType, unsigned kRows>
class WeightShare {
 public:
  __device__ __forceinline__ WeightShare(const WeightMatrix& w, size_t row_bytes, size_t first_row)
      : columns_(w.columns),
        row_in_tile_(threadIdx.x / kRuns),
        run_in_tile_(threadIdx.x % kRuns * kRunElements),
        row_(first_row + row_in_tile_ < w.rows ? w.data + (first_row + row_in_tile_) * row_bytes : nullptr) {}

  __device__ __forceinline__ void Load(size_t column) {
    // Of a row that is not there: columns beyond its end.
    LoadRun(row_, row_ != nullptr ? column + run_in_tile_ : columns_, columns_, run_);
  }

  __device__ __forceinline__ void Store(__nv_bfloat16 (&tile)[kRows][kStride]) const {
    uint32_t pairs[kRunElements / 2];
    Dequantize<kType>(run_, pairs);
    uint4* const to = reinterpret_cast<uint4*>(&tile[row_in_tile_][run_in_tile_]);
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) to[i] = {pairs[4 * i], pairs[4 * i + 1], pairs[4 * i + 2], pairs[4 * i + 3]};
  }

 private:
  static constexpr unsigned kRuns = kTileColumns / kRunElements;  // of a row: kRows * kRuns threads

  size_t columns_;
  unsigned row_in_tile_, run_in_tile_;
  const std::byte* row_;
  StoredRun<kType> run_;
};

// sums += weights x^T for the warp's rows and all tokens.
template <unsigned kRows, unsigned kTokens>
__device__ __forceinline__ void MultiplyTile(const __nv_bfloat16 (&weights)[kRows][kStride],
                                             const __nv_bfloat16 (&x)[kTokens][kStride],
                                             float (&sums)[kTokens / kTokensPerProduct][4]) {
  const unsigned lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * kRowsPerWarp;
#pragma unroll
  for (unsigned column = 0; column < kTileColumns; column += 32) {
    uint32_t left[4], right[4];
    LoadMatrices(left, &weights[first_row + lane % 16][column + lane / 16 * 8]);
    LoadMatrices(right, &weights[first_row + lane % 16][column + 16 + lane / 16 * 8]);
#pragma unroll
    for (unsigned n = 0; n < kTokens / kTokensPerProduct; ++n) {
      uint32_t tokens[4];
      LoadMatrices(tokens, &x[n * kTokensPerProduct + lane % 8][column + lane / 8 * 8]);
      MultiplyAdd(sums[n], left, {tokens[0], tokens[1]});
      MultiplyAdd(sums[n], right, {tokens[2], tokens[3]});
    }
  }
}

// Blocks: (rows of weights, tokens).
template <DType kType, unsigned kWarps, unsigned kTokens>
__global__ void __launch_bounds__(kWarps * 32) TensorMatMulKernel(WeightMatrix w, size_t row_bytes, const __nv_bfloat16* x,
                                                                  size_t tokens, float* y) {
  using Shared = Tiles<kWarps, kTokens>;
  KVSCOPE_DYNAMIC_SHARED(Shared, tiles);
  const size_t first_row = static_cast<size_t>(blockIdx.x) * Shared::kRows;
  const size_t first_token = static_cast<size_t>(blockIdx.y) * kTokens;
  WeightShare<kType, Shared::kRows> share(w, row_bytes, first_row);
  float sums[kTokens / kTokensPerProduct][4] = {};

  StartActivations<Shared::kThreads>(x, tokens, w.columns, first_token, 0, tiles->x[0]);
  CommitCopies();
  share.Load(0);
  share.Store(tiles->weights[0]);
  unsigned now = 0;
  for (size_t column = 0; column < w.columns; column += kTileColumns) {
    const bool more = column + kTileColumns < w.columns;
    WaitForCopies<0>();
    __syncthreads();  // this tile is there, and the last one has been multiplied
    if (more) {
      StartActivations<Shared::kThreads>(x, tokens, w.columns, first_token, column + kTileColumns, tiles->x[now ^ 1]);
      CommitCopies();
      share.Load(column + kTileColumns);
    }
    MultiplyTile(tiles->weights[now], tiles->x[now], sums);
    now ^= 1;
    if (more) share.Store(tiles->weights[now]);
  }

  const unsigned lane = threadIdx.x % 32;
  const size_t row = first_row + threadIdx.x / 32 * kRowsPerWarp + lane / 4;
#pragma unroll
  for (unsigned n = 0; n < kTokens / kTokensPerProduct; ++n) {
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      const size_t r = row + 8 * (i / 2), t = first_token + n * kTokensPerProduct + 2 * (lane % 4) + i % 2;
      if (r < w.rows && t < tokens) y[t * w.rows + r] = sums[n][i];
    }
  }
}

// Of decoding few tokens share a weight, and many blocks are to be had; of prefill many do.
constexpr unsigned kFewTokens = 8, kFewWarps = 2;
constexpr unsigned kManyTokens = 64, kManyWarps = 4;

template <DType kType, unsigned kWarps, unsigned kTokens>
cudaError_t LaunchTiles(const WeightMatrix& w, const __nv_bfloat16* x, size_t tokens, float* y, cudaStream_t stream) {
  constexpr size_t kMaxTiles = 65535;  // of a grid's second dimension
  constexpr unsigned kRows = kWarps * kRowsPerWarp;
  const auto row_blocks = static_cast<unsigned>((w.rows + kRows - 1) / kRows);
  for (size_t first = 0; first < tokens; first += kMaxTiles * kTokens) {
    const size_t n = std::min(tokens - first, kMaxTiles * kTokens);
    const cudaError_t error = Launch<TensorMatMulKernel<kType, kWarps, kTokens>>(
        dim3(row_blocks, static_cast<unsigned>((n + kTokens - 1) / kTokens)), dim3(kWarps * 32),
        sizeof(Tiles<kWarps, kTokens>), stream, w, RowBytes(kType, w.columns), x + first * w.columns, n, y + first * w.rows);
    if (error != cudaSuccess) return error;
  }
  return cudaSuccess;
}

bool IsAligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % 16 == 0; }

constexpr int kRoundThreads = 256;

__global__ void __launch_bounds__(kRoundThreads) RoundKernel(const float* x, size_t n, __nv_bfloat16* out) {
  const size_t i = static_cast<size_t>(blockIdx.x) * kRoundThreads + threadIdx.x;
  if (i < n) Store(x[i], &out[i]);
}

}  // namespace

cudaError_t TensorMatMulOnDevice(const WeightMatrix& w, const __nv_bfloat16* x, size_t tokens, float* y,
                                 cudaStream_t stream) {
  if (tokens == 0) return cudaSuccess;
  if (w.data == nullptr || x == nullptr || y == nullptr || !IsAligned(w.data) || !IsAligned(x) || w.rows == 0 ||
      w.columns == 0 || w.rows > INT_MAX || w.columns > INT_MAX || tokens > INT_MAX ||
      w.columns % kTensorColumns != 0 || w.columns % BlockElements(w.dtype) != 0) {
    return cudaErrorInvalidValue;
  }
  return WithStoredType(w.dtype, [&]<DType kType>() {
    return tokens <= kManyTokens / 2 ? LaunchTiles<kType, kFewWarps, kFewTokens>(w, x, tokens, y, stream)
                                     : LaunchTiles<kType, kManyWarps, kManyTokens>(w, x, tokens, y, stream);
  });
}

cudaError_t RoundOnDevice(const float* x, size_t n, __nv_bfloat16* out, cudaStream_t stream) {
  if (n == 0) return cudaSuccess;
  if (x == nullptr || out == nullptr || n / kRoundThreads >= INT_MAX) return cudaErrorInvalidValue;
  return Launch<RoundKernel>(dim3(static_cast<unsigned>((n + kRoundThreads - 1) / kRoundThreads)), dim3(kRoundThreads), 0,
                             stream, x, n, out);
}

}  // namespace kvscope
