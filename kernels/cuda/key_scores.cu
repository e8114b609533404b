#include "kernels/cuda/key_scores.h"

#include <climits>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/kv_dispatch.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/reduce.cuh"

namespace kvscope {
namespace {

constexpr unsigned kThreads = 256;
static_assert(kThreads >= kMaxDeviceHeadDim);  // a thread for each element of a sum

template <class Kv>
__device__ __forceinline__ const Kv* KeyAt(const KeyScoreItem& item, unsigned slot, unsigned head_dim) {
  return reinterpret_cast<const Kv*>(item.pages[slot / kPageSlots]) + slot % kPageSlots * head_dim;
}

// An element of a key scaled to length 1.
template <class Kv>
__device__ __forceinline__ double Scaled(Kv element, double scale) {
  return static_cast<double>(static_cast<float>(__dmul_rn(static_cast<double>(ToFloat(element)), scale)));
}

__device__ __forceinline__ double InverseLength(double squares) { return squares > 0.0 ? 1.0 / sqrt(squares) : 0.0; }

// The largest score, at least 0. REQUIRES: all threads call it.
__device__ __forceinline__ float MostAttention(const KeyScoreItem& item, float* by_warp) {
  float most = 0.0f;
  for (unsigned slot = threadIdx.x; slot < item.slots; slot += kThreads) most = fmaxf(most, item.scores[slot]);
  most = WarpMax(most);
  if (threadIdx.x % 32 == 0) by_warp[threadIdx.x / 32] = most;
  __syncthreads();
  for (unsigned warp = 0; warp < kThreads / 32; ++warp) most = fmaxf(most, by_warp[warp]);
  return most;
}

// A block for each item. Products and sums are never fused: the twin's are not.
template <class Kv>
__global__ void __launch_bounds__(kThreads) KeyScoresKernel(const KeyScoreItem* items, unsigned head_dim) {
  KVSCOPE_SHARED(double, sum, kMaxDeviceHeadDim);
  KVSCOPE_SHARED(float, most_by_warp, kThreads / 32);
  const KeyScoreItem item = items[blockIdx.x];
  if (item.slots == 0) return;
  for (unsigned slot = threadIdx.x; slot < item.slots; slot += kThreads) {
    const Kv* const key = KeyAt<Kv>(item, slot, head_dim);
    double squares = 0.0;
    for (unsigned d = 0; d < head_dim; ++d) {
      const double element = static_cast<double>(ToFloat(key[d]));
      squares = __dadd_rn(squares, __dmul_rn(element, element));
    }
    item.scales[slot] = InverseLength(squares);
  }
  __syncthreads();
  if (threadIdx.x < head_dim) {
    double part = 0.0;
    for (unsigned slot = 0; slot < item.slots; ++slot) {
      part = __dadd_rn(part, Scaled(KeyAt<Kv>(item, slot, head_dim)[threadIdx.x], item.scales[slot]));
    }
    sum[threadIdx.x] = part;
  }
  const float most = item.what == KeyScore::kNovelty ? MostAttention(item, most_by_warp) : 0.0f;
  __syncthreads();
  double squares = 0.0;
  for (unsigned d = 0; d < head_dim; ++d) squares = __dadd_rn(squares, __dmul_rn(sum[d], sum[d]));
  const double scale = InverseLength(squares);
  for (unsigned slot = threadIdx.x; slot < item.slots; slot += kThreads) {
    const Kv* const key = KeyAt<Kv>(item, slot, head_dim);
    double dot = 0.0;
    for (unsigned d = 0; d < head_dim; ++d) dot = __dadd_rn(dot, __dmul_rn(Scaled(key[d], item.scales[slot]), sum[d]));
    const float likeness = static_cast<float>(__dmul_rn(dot, scale));
    if (item.what == KeyScore::kDistinctness) {
      item.scores[slot] = -likeness;
    } else {
      const float attention = most > 0.0f ? item.scores[slot] / most : 0.0f;
      item.scores[slot] = __fsub_rn(__fmul_rn(item.attention_weight, attention),
                                    __fmul_rn(1.0f - item.attention_weight, likeness));
    }
  }
}

}  // namespace

cudaError_t KeyScoresOnDevice(const KeyScoreItem* items, size_t item_count, unsigned head_dim, KvType kv_type,
                              cudaStream_t stream) {
  if (item_count == 0) return cudaSuccess;
  if (items == nullptr || item_count > INT_MAX || !IsDeviceHeadDim(head_dim)) return cudaErrorInvalidValue;
  return WithKvElement(kv_type, [&]<class Kv>(Kv) {
    return Launch<KeyScoresKernel<Kv>>(dim3(static_cast<unsigned>(item_count)), dim3(kThreads), 0, stream, items,
                                       head_dim);
  });
}

}  // namespace kvscope
