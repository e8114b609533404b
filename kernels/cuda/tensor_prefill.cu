#include "kernels/cuda/tensor_prefill.h"

#include <cmath>
#include <type_traits>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/kv_dispatch.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/prefill_params.cuh"
#include "kernels/cuda/tensor_core.cuh"

namespace kvscope {
namespace {

// A block works on kQueries queries of a head, 16 a warp, against a page at a time.
constexpr unsigned kThreads = 128;
constexpr unsigned kQueries = 64;
constexpr unsigned kSlots = 64;
static_assert(kSlots == kPageSlots);
constexpr unsigned kRowsPerWarp = 16;
constexpr unsigned kScoreTiles = kSlots / 8;  // of 16 queries by 8 slots

// Rows in shared memory are 16 bytes longer than needed: the rows of a matrix that is loaded meet no bank twice.
template <unsigned kHeadDim>
using Rows = __nv_bfloat16[64][kHeadDim + 8];

template <unsigned kHeadDim>
struct Tiles {
  Rows<kHeadDim> q, keys, values;
};

__device__ __forceinline__ void StoreRounded(const float (&values)[8], __nv_bfloat16* to) {
  uint4* const pairs = reinterpret_cast<uint4*>(to);
  *pairs = {PairOf(values[0], values[1]), PairOf(values[2], values[3]), PairOf(values[4], values[5]),
            PairOf(values[6], values[7])};
}

// Queries [first, first + kQueries) of a head; zeros beyond the prompt and beyond head_dim.
template <unsigned kHeadDim>
__device__ __forceinline__ void LoadQueries(const PrefillAttentionParams& params, unsigned head, unsigned first,
                                            Rows<kHeadDim>& q) {
  for (unsigned at = threadIdx.x; at < kQueries * kHeadDim / 8; at += kThreads) {
    const unsigned i = at / (kHeadDim / 8), d = at % (kHeadDim / 8) * 8;
    float values[8] = {};
    if (first + i < params.prompt && d < params.head_dim) {
      Load8(params.q + (static_cast<size_t>(first + i) * params.heads + head) * params.head_dim + d, values);
    }
    StoreRounded(values, &q[i][d]);
  }
}

// Begins to load a page's keys or values, zeros from `slots` on and beyond head_dim, as a group of copies.
template <unsigned kHeadDim, class Kv>
__device__ __forceinline__ void StartRows(const Kv* page, unsigned slots, unsigned head_dim, Rows<kHeadDim>& rows) {
  for (unsigned at = threadIdx.x; at < kSlots * kHeadDim / 8; at += kThreads) {
    const unsigned slot = at / (kHeadDim / 8), d = at % (kHeadDim / 8) * 8;
    const bool inside = slot < slots && d < head_dim;
    const Kv* const from = inside ? page + slot * head_dim + d : page;
    if constexpr (std::is_same_v<Kv, __nv_bfloat16>) {
      StartCopy(&rows[slot][d], from, inside);
    } else {
      float values[8] = {};
      if (inside) Load8(from, values);
      StoreRounded(values, &rows[slot][d]);
    }
  }
  CommitCopies();
}

// scores = q keys^T of the warp's queries.
template <unsigned kHeadDim>
__device__ __forceinline__ void Score(const Rows<kHeadDim>& q, const Rows<kHeadDim>& keys,
                                      float (&scores)[kScoreTiles][4]) {
  const unsigned lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * kRowsPerWarp;
#pragma unroll
  for (unsigned n = 0; n < kScoreTiles; ++n) {
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) scores[n][i] = 0.0f;
  }
#pragma unroll
  for (unsigned d = 0; d < kHeadDim; d += 16) {
    uint32_t queries[4];
    LoadMatrices(queries, &q[first_row + lane % 16][d + lane / 16 * 8]);
#pragma unroll
    for (unsigned n = 0; n < kScoreTiles; n += 2) {
      uint32_t slots[4];
      LoadMatrices(slots, &keys[8 * n + lane % 8 + lane / 16 * 8][d + lane / 8 % 2 * 8]);
      MultiplyAdd(scores[n], queries, {slots[0], slots[1]});
      MultiplyAdd(scores[n + 1], queries, {slots[2], slots[3]});
    }
  }
}

// out += exponentials values of the warp's queries.
template <unsigned kHeadDim>
__device__ __forceinline__ void Weigh(const float (&exponentials)[kScoreTiles][4], const Rows<kHeadDim>& values,
                                      float (&out)[kHeadDim / 8][4]) {
  const unsigned lane = threadIdx.x % 32;
#pragma unroll
  for (unsigned n = 0; n < kScoreTiles; n += 2) {
    // What a lane holds of sums is what it has to hold of a factor.
    const float(&low)[4] = exponentials[n], (&high)[4] = exponentials[n + 1];
    const uint32_t weights[4] = {PairOf(low[0], low[1]), PairOf(low[2], low[3]), PairOf(high[0], high[1]),
                                 PairOf(high[2], high[3])};
#pragma unroll
    for (unsigned d = 0; d < kHeadDim / 8; d += 2) {
      uint32_t columns[4];
      LoadMatricesTransposed(columns, &values[8 * n + lane % 16][8 * d + lane / 16 * 8]);
      MultiplyAdd(out[d], weights, {columns[0], columns[1]});
      MultiplyAdd(out[d + 1], weights, {columns[2], columns[3]});
    }
  }
}

// Over the four lanes that share a query.
__device__ __forceinline__ float LanesMax(float value) {
  value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 1));
  return fmaxf(value, __shfl_xor_sync(0xffffffffu, value, 2));
}
__device__ __forceinline__ float LanesSum(float value) {
  value += __shfl_xor_sync(0xffffffffu, value, 1);
  return value + __shfl_xor_sync(0xffffffffu, value, 2);
}

// Scores of slots [begin, begin + kSlots) to exponentials, in place, and what came before to the new maxima. A lane has two
// queries, 8 apart, the first of them `query`.
template <unsigned kHeadDim>
__device__ __forceinline__ void Exponentiate(const PrefillAttentionParams& params, unsigned query, unsigned begin,
                                             float (&scores)[kScoreTiles][4], float (&maxima)[2], float (&sums)[2],
                                             float (&out)[kHeadDim / 8][4]) {
#pragma unroll
  for (unsigned half = 0; half < 2; ++half) {
    const unsigned visible = min(query + 8 * half + 1, params.prompt);
    float largest = maxima[half];
#pragma unroll
    for (unsigned n = 0; n < kScoreTiles; ++n) {
#pragma unroll
      for (unsigned i = 0; i < 2; ++i) {
        const unsigned slot = begin + 8 * n + 2 * (threadIdx.x % 4) + i;
        float& score = scores[n][2 * half + i];
        score = slot < visible ? score * params.scale : -INFINITY;
        largest = fmaxf(largest, score);
      }
    }
    largest = LanesMax(largest);  // finite: every query sees slot 0, of the first page
    const float shrink = expf(maxima[half] - largest);
    maxima[half] = largest;
    float sum = 0.0f;
#pragma unroll
    for (unsigned n = 0; n < kScoreTiles; ++n) {
#pragma unroll
      for (unsigned i = 0; i < 2; ++i) {
        float& score = scores[n][2 * half + i];
        score = expf(score - largest);
        sum += score;
      }
    }
    sums[half] = fmaf(sums[half], shrink, LanesSum(sum));
#pragma unroll
    for (unsigned d = 0; d < kHeadDim / 8; ++d) {
      out[d][2 * half] *= shrink;
      out[d][2 * half + 1] *= shrink;
    }
  }
}

// Blocks: (tiles of queries, the last first, for it has most to do; heads). Of a page's keys and values one is on its way
// while the other is multiplied.
template <class Kv, unsigned kHeadDim>
__global__ void __launch_bounds__(kThreads) TensorPrefillKernel(PrefillAttentionParams params) {
  KVSCOPE_DYNAMIC_SHARED(Tiles<kHeadDim>, tiles);
  const unsigned head = blockIdx.y, first = (gridDim.x - 1 - blockIdx.x) * kQueries;
  const unsigned seen = min(first + kQueries, params.prompt);
  const unsigned query = first + threadIdx.x / 32 * kRowsPerWarp + threadIdx.x % 32 / 4;
  float maxima[2] = {-INFINITY, -INFINITY}, sums[2] = {}, out[kHeadDim / 8][4] = {};

  LoadQueries<kHeadDim>(params, head, first, tiles->q);
  StartRows<kHeadDim>(Page<Kv>(params, head, 0), params.prompt, params.head_dim, tiles->keys);
  for (unsigned begin = 0; begin < seen; begin += kSlots) {
    const Kv* const page = Page<Kv>(params, head, begin / kSlots);
    StartRows<kHeadDim>(page + ValueOffset(params.head_dim), params.prompt - begin, params.head_dim, tiles->values);
    WaitForCopies<1>();
    __syncthreads();  // the keys are there
    float scores[kScoreTiles][4];
    Score<kHeadDim>(tiles->q, tiles->keys, scores);
    __syncthreads();  // they have been read
    const unsigned next = begin + kSlots;
    if (next < seen) {
      StartRows<kHeadDim>(Page<Kv>(params, head, next / kSlots), params.prompt - next, params.head_dim, tiles->keys);
    } else {
      CommitCopies();
    }
    Exponentiate<kHeadDim>(params, query, begin, scores, maxima, sums, out);
    WaitForCopies<1>();
    __syncthreads();  // the values are there
    Weigh<kHeadDim>(scores, tiles->values, out);
    __syncthreads();  // they have been read
  }

#pragma unroll
  for (unsigned half = 0; half < 2; ++half) {
    const unsigned own = query + 8 * half;
    if (own >= params.prompt) continue;
    if (threadIdx.x % 4 == 0) {
      params.max[static_cast<size_t>(head) * params.prompt + own] = maxima[half];
      params.sum[static_cast<size_t>(head) * params.prompt + own] = sums[half];
    }
    float* const row = params.out + (static_cast<size_t>(own) * params.heads + head) * params.head_dim;
#pragma unroll
    for (unsigned d = 0; d < kHeadDim / 8; ++d) {
      const unsigned column = 8 * d + 2 * (threadIdx.x % 4);
      if (column >= params.head_dim) continue;
      row[column] = out[d][2 * half] / sums[half];
      row[column + 1] = out[d][2 * half + 1] / sums[half];
    }
  }
}

template <class Kv, unsigned kHeadDim>
cudaError_t LaunchFor(const PrefillAttentionParams& params, cudaStream_t stream) {
  constexpr auto kKernel = TensorPrefillKernel<Kv, kHeadDim>;
  constexpr size_t kBytes = sizeof(Tiles<kHeadDim>);
  const cudaError_t error = AllowShared<kKernel>(kBytes);
  if (error != cudaSuccess) return error;
  return Launch<kKernel>(dim3((params.prompt + kQueries - 1) / kQueries, params.heads), dim3(kThreads), kBytes, stream,
                         params);
}

template <class Kv>
cudaError_t LaunchFor(const PrefillAttentionParams& params, cudaStream_t stream) {
  if (params.head_dim <= 32) return LaunchFor<Kv, 32>(params, stream);
  if (params.head_dim <= 64) return LaunchFor<Kv, 64>(params, stream);
  if (params.head_dim <= 128) return LaunchFor<Kv, 128>(params, stream);
  return LaunchFor<Kv, 256>(params, stream);
}

}  // namespace

cudaError_t TensorPrefillOnDevice(const PrefillAttentionParams& params, cudaStream_t stream) {
  if (params.prompt == 0) return cudaSuccess;
  if (!IsValid(params) || params.out == nullptr || params.unmasked_before != 0) return cudaErrorInvalidValue;
  return WithKvElement(params.kv_type, [&]<class Kv>(Kv) { return LaunchFor<Kv>(params, stream); });
}

}  // namespace kvscope
