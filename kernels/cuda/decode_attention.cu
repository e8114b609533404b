#include "kernels/cuda/decode_attention.h"

#include <climits>
#include <cmath>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/kv_dispatch.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/reduce.cuh"

namespace kvscope {
namespace {

constexpr unsigned kWarps = 4;
constexpr unsigned kThreads = kWarps * 32;
constexpr unsigned kLaneElements = 8;        // of a row, in each lane
constexpr unsigned kBlocksPerProcessor = 4;  // at least: up to 128 registers a thread

// How a block's lanes are laid over rows of keys and values.
struct Lanes {
  unsigned per_row;  // lanes that hold a row
  unsigned rows;     // rows that the block holds at a time
  unsigned row;      // the thread's
  unsigned element;  // the first of its elements

  static __device__ __forceinline__ Lanes Of(unsigned head_dim) {
    const unsigned per_row = head_dim / kLaneElements;
    return {per_row, kThreads / per_row, threadIdx.x / per_row, threadIdx.x % per_row * kLaneElements};
  }
};

// What a block works on, in shared memory.
struct Work {
  AttentionTile tile;
  const std::byte* pages[kSplitPages];
  AttentionRow rows[kTileQueries];

  template <class Kv>
  __device__ __forceinline__ const Kv* Row(unsigned slot, unsigned head_dim) const {
    return reinterpret_cast<const Kv*>(pages[slot / kPageSlots]) + slot % kPageSlots * head_dim;
  }
};

// Loads the block's tile with what it points to, and its queries to q: [kQueries, head_dim]. REQUIRES: all threads call it,
// and wait for each other before they use any of it.
template <unsigned kQueries, class T>
__device__ __forceinline__ void LoadWork(const DecodeAttentionParams<T>& params, Work& work, float* q) {
  if (threadIdx.x == 0) work.tile = params.tiles[blockIdx.x];
  __syncthreads();
  const AttentionTile& tile = work.tile;
  if (threadIdx.x < (tile.slots + kPageSlots - 1) / kPageSlots) work.pages[threadIdx.x] = tile.pages[threadIdx.x];
  if (threadIdx.x < tile.queries) work.rows[threadIdx.x] = params.rows[tile.rows[threadIdx.x]];
  for (unsigned at = threadIdx.x; at < kQueries * params.head_dim; at += kThreads) {
    const unsigned i = at / params.head_dim, d = at % params.head_dim;
    q[at] = i < tile.queries ? params.q[static_cast<size_t>(tile.rows[i]) * params.head_dim + d] : 0.0f;
  }
}

// scores[i][slot] = scale * (q of query i) . key
template <unsigned kQueries, class Kv>
__device__ __forceinline__ void Score(const Work& work, const float* q, unsigned head_dim, float scale,
                                      float (*scores)[kSplitSlots]) {
  const unsigned slots = work.tile.slots;
  const Lanes lanes = Lanes::Of(head_dim);
  float query[kQueries][kLaneElements];
#pragma unroll
  for (unsigned i = 0; i < kQueries; ++i) Load8(q + i * head_dim + lanes.element, query[i]);
  for (unsigned first = 0; first < slots; first += lanes.rows) {
    // Lanes beyond the last slot take part in the sums: of a row that is there.
    const unsigned slot = first + lanes.row;
    float key[kLaneElements];
    Load8(work.Row<Kv>(slot < slots ? slot : slots - 1, head_dim) + lanes.element, key);
#pragma unroll
    for (unsigned i = 0; i < kQueries; ++i) {
      float sum = 0.0f;
#pragma unroll
      for (unsigned e = 0; e < kLaneElements; ++e) sum = fmaf(query[i][e], key[e], sum);
      for (unsigned distance = lanes.per_row / 2; distance > 0; distance /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, static_cast<int>(distance));
      }
      if (lanes.element == 0 && slot < slots) scores[i][slot] = sum * scale;
    }
  }
}

// Scores to exponentials, in place, for the queries of the thread's warp; and their maximum and sum.
template <class T>
__device__ __forceinline__ void Exponentiate(const DecodeAttentionParams<T>& params, const Work& work,
                                             float (*scores)[kSplitSlots]) {
  const AttentionTile& tile = work.tile;
  const unsigned lane = threadIdx.x % 32;
  for (unsigned i = threadIdx.x / 32; i < tile.queries; i += kWarps) {
    const AttentionRow& row = work.rows[i];
    float maximum = -INFINITY;
    for (unsigned slot = lane; slot < tile.slots; slot += 32) maximum = fmaxf(maximum, scores[i][slot]);
    maximum = WarpMax(maximum);
    float sum = 0.0f;
    for (unsigned slot = lane; slot < tile.slots; slot += 32) {
      const float exponential = expf(scores[i][slot] - maximum);
      scores[i][slot] = exponential;
      sum += exponential;
      if (row.first_probability != AttentionRow::kNotKept) {
        params.probabilities[row.first_probability + tile.split * kSplitSlots + slot] = exponential;
      }
    }
    sum = WarpSum(sum);
    if (lane == 0) {
      params.partial_max[row.first_partial + tile.split] = maximum;
      params.partial_sum[row.first_partial + tile.split] = sum;
    }
  }
}

// Adds up `sums` over the lanes of a warp that hold the same elements of other rows. At each step a lane keeps half of its
// elements and sends the other half away, as long as it has more than one; what is left of it are sums of elements [first,
// first + LeftElements(per_row)) in `sums`, from its first on.
__device__ __forceinline__ unsigned FoldRows(unsigned per_row, float (&sums)[kLaneElements]) {
  unsigned first = 0;
#pragma unroll
  for (unsigned step = 0; step < 5; ++step) {
    const unsigned distance = 16 >> step, half = kLaneElements >> (step + 1);
    if (distance < per_row) break;
    const bool upper = (threadIdx.x & distance) != 0;
    if (half == 0) sums[0] += __shfl_xor_sync(0xffffffffu, sums[0], static_cast<int>(distance));
#pragma unroll
    for (unsigned e = 0; e < half; ++e) {
      const float sent = upper ? sums[e] : sums[e + half];
      const float kept = upper ? sums[e + half] : sums[e];
      sums[e] = kept + __shfl_xor_sync(0xffffffffu, sent, static_cast<int>(distance));
    }
    if (upper) first += half;
  }
  return first;
}

__device__ __forceinline__ unsigned LeftElements(unsigned per_row) { return per_row > 4 ? per_row / 4 : 1; }

// Where rows are so short that one element was left before all lanes had met, several lanes hold it: the first of them.
__device__ __forceinline__ bool HoldsFirst(unsigned per_row) {
  return per_row >= 4 || (threadIdx.x & 3 & ~(per_row - 1)) == 0;
}

// parts[warp][i] = sum over the warp's slots of exponential times value.
template <unsigned kQueries, class Kv>
__device__ __forceinline__ void Weigh(const Work& work, unsigned head_dim,
                                      const float (*exponentials)[kSplitSlots], float* parts) {
  const Lanes lanes = Lanes::Of(head_dim);
  float sums[kQueries][kLaneElements] = {};
  for (unsigned slot = lanes.row; slot < work.tile.slots; slot += lanes.rows) {
    float value[kLaneElements];
    Load8(work.Row<Kv>(slot, head_dim) + ValueOffset(head_dim) + lanes.element, value);
#pragma unroll
    for (unsigned i = 0; i < kQueries; ++i) {
      const float exponential = exponentials[i][slot];
#pragma unroll
      for (unsigned e = 0; e < kLaneElements; ++e) sums[i][e] = fmaf(exponential, value[e], sums[i][e]);
    }
  }
  const unsigned left = LeftElements(lanes.per_row);
#pragma unroll
  for (unsigned i = 0; i < kQueries; ++i) {
    const unsigned first = FoldRows(lanes.per_row, sums[i]);
    float* const part = parts + (threadIdx.x / 32 * kQueries + i) * head_dim + lanes.element + first;
#pragma unroll
    for (unsigned e = 0; e < kLaneElements; ++e) {
      if (e < left && HoldsFirst(lanes.per_row)) part[e] = sums[i][e];
    }
  }
}

template <unsigned kQueries>
constexpr size_t PartBytes(size_t head_dim) {
  return kWarps * kQueries * head_dim * sizeof(float);
}

// A block for each tile of at most kQueries queries.
template <unsigned kQueries, class Kv, class T>
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor) DecodeAttentionKernel(DecodeAttentionParams<T> params) {
  KVSCOPE_SHARED(Work, work, 1);
  KVSCOPE_SHARED(float, scores, kQueries * kSplitSlots);
  KVSCOPE_DYNAMIC_SHARED(float, parts);  // [kWarps, kQueries, head_dim]; at first the queries
  auto* const by_query = reinterpret_cast<float(*)[kSplitSlots]>(scores);
  LoadWork<kQueries>(params, work[0], parts);
  __syncthreads();
  if (work[0].tile.queries == 0) return;
  Score<kQueries, Kv>(work[0], parts, params.head_dim, params.scale, by_query);
  __syncthreads();
  Exponentiate(params, work[0], by_query);
  __syncthreads();
  Weigh<kQueries, Kv>(work[0], params.head_dim, by_query, parts);
  __syncthreads();
  for (unsigned at = threadIdx.x; at < work[0].tile.queries * params.head_dim; at += kThreads) {
    const unsigned i = at / params.head_dim, d = at % params.head_dim;
    float sum = 0.0f;
    for (unsigned warp = 0; warp < kWarps; ++warp) sum += parts[warp * kQueries * params.head_dim + at];
    const size_t partial = work[0].rows[i].first_partial + work[0].tile.split;
    params.partial_out[partial * params.head_dim + d] = sum;
  }
}

// A block for each row.
template <class T>
__global__ void __launch_bounds__(kThreads) CombineKernel(DecodeAttentionParams<T> params) {
  const AttentionRow row = params.rows[blockIdx.x];
  const unsigned splits = row.Splits();
  const float* const maxima = params.partial_max + row.first_partial;
  const float* const sums = params.partial_sum + row.first_partial;
  float maximum = -INFINITY;
  for (unsigned s = 0; s < splits; ++s) maximum = fmaxf(maximum, maxima[s]);
  float sum = 0.0f;
  for (unsigned s = 0; s < splits; ++s) sum = fmaf(sums[s], expf(maxima[s] - maximum), sum);
  for (unsigned s = threadIdx.x; s < splits; s += kThreads) {
    params.factors[row.first_partial + s] = expf(maxima[s] - maximum) / sum;
  }
  __syncthreads();
  for (unsigned d = threadIdx.x; d < params.head_dim; d += kThreads) {
    const float* const parts = params.partial_out + static_cast<size_t>(row.first_partial) * params.head_dim + d;
    float value = 0.0f;
    for (unsigned s = 0; s < splits; ++s) {
      value = fmaf(parts[static_cast<size_t>(s) * params.head_dim], params.factors[row.first_partial + s], value);
    }
    Store(value, &params.out[static_cast<size_t>(blockIdx.x) * params.head_dim + d]);
  }
}

template <class T>
bool IsValid(const DecodeAttentionParams<T>& params) {
  return params.q != nullptr && params.rows != nullptr && params.tiles != nullptr && params.partial_max != nullptr &&
         params.partial_sum != nullptr && params.partial_out != nullptr && params.factors != nullptr &&
         params.out != nullptr && params.row_count <= INT_MAX && params.tile_count > 0 && params.tile_count <= INT_MAX &&
         params.tile_queries >= 1 && params.tile_queries <= kTileQueries && IsDeviceHeadDim(params.head_dim) &&
         std::isfinite(params.scale);
}

template <unsigned kQueries, class Kv, class T>
cudaError_t LaunchTiles(const DecodeAttentionParams<T>& params, cudaStream_t stream) {
  return Launch<DecodeAttentionKernel<kQueries, Kv, T>>(dim3(params.tile_count), dim3(kThreads),
                                                        PartBytes<kQueries>(params.head_dim), stream, params);
}

template <class Kv, class T>
cudaError_t LaunchFor(const DecodeAttentionParams<T>& params, cudaStream_t stream) {
  if (params.tile_queries == 1) return LaunchTiles<1, Kv>(params, stream);
  if (params.tile_queries <= 4) return LaunchTiles<4, Kv>(params, stream);
  return LaunchTiles<kTileQueries, Kv>(params, stream);
}

}  // namespace

template <class T>
cudaError_t DecodeAttentionOnDevice(const DecodeAttentionParams<T>& params, cudaStream_t stream) {
  if (params.row_count == 0) return cudaSuccess;
  if (!IsValid(params)) return cudaErrorInvalidValue;
  const cudaError_t error =
      WithKvElement(params.kv_type, [&]<class Kv>(Kv) { return LaunchFor<Kv>(params, stream); });
  if (error != cudaSuccess) return error;
  return Launch<CombineKernel<T>>(dim3(params.row_count), dim3(kThreads), 0, stream, params);
}

template cudaError_t DecodeAttentionOnDevice(const DecodeAttentionParams<float>&, cudaStream_t);
template cudaError_t DecodeAttentionOnDevice(const DecodeAttentionParams<__nv_bfloat16>&, cudaStream_t);

}  // namespace kvscope
