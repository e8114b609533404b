#include "kernels/cuda/prefill_attention.h"

#include <cmath>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/kv_dispatch.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/prefill_params.cuh"

namespace kvscope {
namespace {

// A block works on kQueries queries of a head against a page at a time. A thread holds 4 queries by 4 slots: 16 threads
// beside each other, a half of a warp, have the same queries.
constexpr unsigned kThreads = 128;
constexpr unsigned kQueries = 32;
constexpr unsigned kSlots = 64;
static_assert(kSlots == kPageSlots);
constexpr unsigned kLanes = 16;
constexpr unsigned kQueryGroups = kThreads / kLanes;
constexpr unsigned kOwnQueries = kQueries / kQueryGroups;
constexpr unsigned kOwnSlots = kSlots / kLanes;

// Rows in shared memory are one element longer than needed: lanes that read a column meet no bank twice.
__device__ __forceinline__ unsigned Stride(unsigned head_dim) { return head_dim + 1; }

struct Thread {
  unsigned first_query = threadIdx.x / kLanes * kOwnQueries;  // of the tile
  unsigned lane = threadIdx.x % kLanes;                       // its slots are lane + kLanes * j
};

__device__ __forceinline__ unsigned Visible(const PrefillAttentionParams& params, unsigned query) {
  return query < params.unmasked_before ? params.prompt : query + 1;
}

// Queries [first, first + kQueries) of a head; zeros beyond the prompt.
__device__ __forceinline__ void LoadQueries(const PrefillAttentionParams& params, unsigned head, unsigned first,
                                            float* q) {
  for (unsigned at = threadIdx.x; at < kQueries * params.head_dim; at += kThreads) {
    const unsigned i = at / params.head_dim, d = at % params.head_dim;
    const size_t row = static_cast<size_t>(first + i) * params.heads + head;
    q[i * Stride(params.head_dim) + d] = first + i < params.prompt ? params.q[row * params.head_dim + d] : 0.0f;
  }
}

// A page's keys or values, [kSlots, head_dim]; zeros from `slots` on.
template <class Kv>
__device__ __forceinline__ void LoadRows(const Kv* page, unsigned slots, unsigned head_dim, float* rows) {
  for (unsigned at = threadIdx.x; at < kSlots * head_dim; at += kThreads) {
    const unsigned slot = at / head_dim, d = at % head_dim;
    rows[slot * Stride(head_dim) + d] = slot < slots ? ToFloat(page[at]) : 0.0f;
  }
}

// scores[i][j] = q . key of the thread's queries and slots.
__device__ __forceinline__ void ScoreTile(const float* q, const float* keys, unsigned head_dim,
                                          float (&scores)[kOwnQueries][kOwnSlots]) {
  const Thread thread;
#pragma unroll
  for (unsigned i = 0; i < kOwnQueries; ++i) {
#pragma unroll
    for (unsigned j = 0; j < kOwnSlots; ++j) scores[i][j] = 0.0f;
  }
  const unsigned stride = Stride(head_dim);
  for (unsigned d = 0; d < head_dim; ++d) {
    float query[kOwnQueries], key[kOwnSlots];
#pragma unroll
    for (unsigned i = 0; i < kOwnQueries; ++i) query[i] = q[(thread.first_query + i) * stride + d];
#pragma unroll
    for (unsigned j = 0; j < kOwnSlots; ++j) key[j] = keys[(thread.lane + kLanes * j) * stride + d];
#pragma unroll
    for (unsigned i = 0; i < kOwnQueries; ++i) {
#pragma unroll
      for (unsigned j = 0; j < kOwnSlots; ++j) scores[i][j] = fmaf(query[i], key[j], scores[i][j]);
    }
  }
}

__device__ __forceinline__ float LanesMax(float value) {
#pragma unroll
  for (int distance = kLanes / 2; distance > 0; distance /= 2) {
    value = fmaxf(value, __shfl_xor_sync(0xffffffffu, value, distance));
  }
  return value;
}

__device__ __forceinline__ float LanesSum(float value) {
#pragma unroll
  for (int distance = kLanes / 2; distance > 0; distance /= 2) {
    value += __shfl_xor_sync(0xffffffffu, value, distance);
  }
  return value;
}

size_t QueryBytes(unsigned head_dim) { return sizeof(float) * kQueries * (head_dim + 1); }
size_t PageBytesInShared(unsigned head_dim) { return sizeof(float) * kSlots * (head_dim + 1); }
constexpr size_t kProbabilityBytes = sizeof(float) * kQueries * (kSlots + 1);

// Blocks: (tiles of queries, the last first, for it has most to do; heads). kOwnElements: of head_dim in each lane.
template <class Kv, unsigned kOwnElements>
__global__ void __launch_bounds__(kThreads) PrefillAttentionKernel(PrefillAttentionParams params) {
  KVSCOPE_DYNAMIC_SHARED(float, shared);
  float* const q = shared;                                    // [kQueries, stride]
  float* const rows = q + kQueries * Stride(params.head_dim);  // [kSlots, stride]: a page's keys, then its values
  float* const probabilities = rows + kSlots * Stride(params.head_dim);  // [kQueries, kSlots + 1]
  const Thread thread;
  const unsigned head = blockIdx.y, first = (gridDim.x - 1 - blockIdx.x) * kQueries;
  const unsigned last = min(first + kQueries, params.prompt) - 1;
  const unsigned seen = max(Visible(params, first), Visible(params, last));

  float maxima[kOwnQueries], sums[kOwnQueries], values[kOwnQueries][kOwnElements];
#pragma unroll
  for (unsigned i = 0; i < kOwnQueries; ++i) {
    maxima[i] = -INFINITY;
    sums[i] = 0.0f;
#pragma unroll
    for (unsigned e = 0; e < kOwnElements; ++e) values[i][e] = 0.0f;
  }
  LoadQueries(params, head, first, q);
  for (unsigned begin = 0; begin < seen; begin += kSlots) {
    const Kv* const page = Page<Kv>(params, head, begin / kSlots);
    const unsigned slots = min(kSlots, params.prompt - begin);
    __syncthreads();  // the last page's values have been read
    LoadRows(page, slots, params.head_dim, rows);
    __syncthreads();
    float scores[kOwnQueries][kOwnSlots];
    ScoreTile(q, rows, params.head_dim, scores);
#pragma unroll
    for (unsigned i = 0; i < kOwnQueries; ++i) {
      const unsigned visible = Visible(params, first + thread.first_query + i);
      float largest = maxima[i];
#pragma unroll
      for (unsigned j = 0; j < kOwnSlots; ++j) {
        const unsigned slot = begin + thread.lane + kLanes * j;
        scores[i][j] = slot < visible && slot < params.prompt ? scores[i][j] * params.scale : -INFINITY;
        largest = fmaxf(largest, scores[i][j]);
      }
      largest = LanesMax(largest);  // finite: every query sees slot 0, of the first page
      const float shrink = expf(maxima[i] - largest);
      maxima[i] = largest;
      float sum = 0.0f;
#pragma unroll
      for (unsigned j = 0; j < kOwnSlots; ++j) {
        const float exponential = expf(scores[i][j] - largest);
        probabilities[(thread.first_query + i) * (kSlots + 1) + thread.lane + kLanes * j] = exponential;
        sum += exponential;
      }
      sums[i] = fmaf(sums[i], shrink, LanesSum(sum));
#pragma unroll
      for (unsigned e = 0; e < kOwnElements; ++e) values[i][e] *= shrink;
    }
    if (params.out == nullptr) continue;
    __syncthreads();  // the keys have been read, the exponentials written
    LoadRows(page + ValueOffset(params.head_dim), slots, params.head_dim, rows);
    __syncthreads();
    for (unsigned slot = 0; slot < slots; ++slot) {
      float exponential[kOwnQueries];
#pragma unroll
      for (unsigned i = 0; i < kOwnQueries; ++i) {
        exponential[i] = probabilities[(thread.first_query + i) * (kSlots + 1) + slot];
      }
#pragma unroll
      for (unsigned e = 0; e < kOwnElements; ++e) {
        const unsigned d = thread.lane + kLanes * e;
        const float value = d < params.head_dim ? rows[slot * Stride(params.head_dim) + d] : 0.0f;
#pragma unroll
        for (unsigned i = 0; i < kOwnQueries; ++i) values[i][e] = fmaf(exponential[i], value, values[i][e]);
      }
    }
  }
#pragma unroll
  for (unsigned i = 0; i < kOwnQueries; ++i) {
    const unsigned query = first + thread.first_query + i;
    if (query >= params.prompt) continue;
    if (thread.lane == 0) {
      params.max[static_cast<size_t>(head) * params.prompt + query] = maxima[i];
      params.sum[static_cast<size_t>(head) * params.prompt + query] = sums[i];
    }
    if (params.out == nullptr) continue;
    float* const out = params.out + (static_cast<size_t>(query) * params.heads + head) * params.head_dim;
#pragma unroll
    for (unsigned e = 0; e < kOwnElements; ++e) {
      const unsigned d = thread.lane + kLanes * e;
      if (d < params.head_dim) out[d] = values[i][e] / sums[i];
    }
  }
}

// Blocks: (pages, heads).
template <class Kv>
__global__ void __launch_bounds__(kThreads)
    ReceivedAttentionKernel(PrefillAttentionParams params, unsigned first_query, float* received) {
  KVSCOPE_DYNAMIC_SHARED(float, shared);
  KVSCOPE_SHARED(float, parts, kQueryGroups * kSlots);
  float* const q = shared;                                     // [kQueries, stride]
  float* const keys = q + kQueries * Stride(params.head_dim);  // [kSlots, stride]
  const Thread thread;
  const unsigned head = blockIdx.y, begin = blockIdx.x * kSlots;
  const unsigned slots = min(kSlots, params.prompt - begin);
  LoadRows(Page<Kv>(params, head, blockIdx.x), slots, params.head_dim, keys);

  float sums[kOwnSlots] = {};
  for (unsigned first = first_query; first < params.prompt; first += kQueries) {
    const unsigned last = min(first + kQueries, params.prompt) - 1;
    if (max(Visible(params, first), Visible(params, last)) <= begin) continue;
    __syncthreads();  // the last queries have been read
    LoadQueries(params, head, first, q);
    __syncthreads();
    float scores[kOwnQueries][kOwnSlots];
    ScoreTile(q, keys, params.head_dim, scores);
#pragma unroll
    for (unsigned i = 0; i < kOwnQueries; ++i) {
      const unsigned query = first + thread.first_query + i;
      if (query >= params.prompt) continue;
      const unsigned visible = Visible(params, query);
      const size_t row = static_cast<size_t>(head) * params.prompt + query;
      const float largest = params.max[row], sum = params.sum[row];
#pragma unroll
      for (unsigned j = 0; j < kOwnSlots; ++j) {
        if (begin + thread.lane + kLanes * j < visible) sums[j] += expf(scores[i][j] * params.scale - largest) / sum;
      }
    }
  }
#pragma unroll
  for (unsigned j = 0; j < kOwnSlots; ++j) {
    parts[threadIdx.x / kLanes * kSlots + thread.lane + kLanes * j] = sums[j];
  }
  __syncthreads();
  if (threadIdx.x >= slots) return;
  float sum = 0.0f;
  for (unsigned group = 0; group < kQueryGroups; ++group) sum += parts[group * kSlots + threadIdx.x];
  received[static_cast<size_t>(head) * params.prompt + begin + threadIdx.x] = sum;
}

template <class Kv, unsigned kOwnElements>
cudaError_t LaunchPrefill(const PrefillAttentionParams& params, cudaStream_t stream) {
  constexpr auto kKernel = PrefillAttentionKernel<Kv, kOwnElements>;
  const size_t bytes = QueryBytes(params.head_dim) + PageBytesInShared(params.head_dim) + kProbabilityBytes;
  const cudaError_t error = AllowShared<kKernel>(bytes);
  if (error != cudaSuccess) return error;
  return Launch<kKernel>(dim3((params.prompt + kQueries - 1) / kQueries, params.heads), dim3(kThreads), bytes, stream,
                         params);
}

template <class Kv>
cudaError_t LaunchPrefill(const PrefillAttentionParams& params, cudaStream_t stream) {
  if (params.head_dim <= kLanes) return LaunchPrefill<Kv, 1>(params, stream);
  if (params.head_dim <= 2 * kLanes) return LaunchPrefill<Kv, 2>(params, stream);
  if (params.head_dim <= 4 * kLanes) return LaunchPrefill<Kv, 4>(params, stream);
  if (params.head_dim <= 8 * kLanes) return LaunchPrefill<Kv, 8>(params, stream);
  return LaunchPrefill<Kv, 16>(params, stream);
}

template <class Kv>
cudaError_t LaunchReceived(const PrefillAttentionParams& params, unsigned first_query, float* received,
                           cudaStream_t stream) {
  constexpr auto kKernel = ReceivedAttentionKernel<Kv>;
  const size_t bytes = QueryBytes(params.head_dim) + PageBytesInShared(params.head_dim);
  const cudaError_t error = AllowShared<kKernel>(bytes);
  if (error != cudaSuccess) return error;
  return Launch<kKernel>(dim3((params.prompt + kSlots - 1) / kSlots, params.heads), dim3(kThreads), bytes, stream,
                         params, first_query, received);
}

}  // namespace

cudaError_t PrefillAttentionOnDevice(const PrefillAttentionParams& params, cudaStream_t stream) {
  if (params.prompt == 0) return cudaSuccess;
  if (!IsValid(params)) return cudaErrorInvalidValue;
  return WithKvElement(params.kv_type, [&]<class Kv>(Kv) { return LaunchPrefill<Kv>(params, stream); });
}

cudaError_t ReceivedAttentionOnDevice(const PrefillAttentionParams& params, unsigned first_query, float* received,
                                      cudaStream_t stream) {
  if (params.prompt == 0) return cudaSuccess;
  if (!IsValid(params) || received == nullptr || first_query >= params.prompt) return cudaErrorInvalidValue;
  return WithKvElement(params.kv_type,
                       [&]<class Kv>(Kv) { return LaunchReceived<Kv>(params, first_query, received, stream); });
}

}  // namespace kvscope
