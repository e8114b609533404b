#include "kernels/cuda/layer_scores.h"

#include <climits>

#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr unsigned kThreads = 512;

// A block for each item.
__global__ void __launch_bounds__(kThreads) ShareLayerScoresKernel(const LayerScoreItem* items) {
  const LayerScoreItem item = items[blockIdx.x];
  if (item.count == 0) return;
  for (unsigned position = threadIdx.x; position < item.positions; position += kThreads) {
    item.sums[position] = 0.0f;
    item.holders[position] = 0;
  }
  for (unsigned h = 0; h < item.count; ++h) {
    __syncthreads();  // another thread may have had the position in the head before
    const LayerScoreHead head = item.heads[h];
    for (unsigned slot = threadIdx.x; slot < head.slots; slot += kThreads) {
      const int position = head.positions[slot];
      item.sums[position] += head.scores[slot];
      ++item.holders[position];
    }
  }
  __syncthreads();
  for (unsigned h = 0; h < item.count; ++h) {
    const LayerScoreHead head = item.heads[h];
    for (unsigned slot = threadIdx.x; slot < head.slots; slot += kThreads) {
      const int position = head.positions[slot];
      head.scores[slot] = item.sums[position] / static_cast<float>(item.holders[position]);
    }
  }
}

}  // namespace

cudaError_t ShareLayerScoresOnDevice(const LayerScoreItem* items, size_t item_count, cudaStream_t stream) {
  if (item_count == 0) return cudaSuccess;
  if (items == nullptr || item_count > INT_MAX) return cudaErrorInvalidValue;
  return Launch<ShareLayerScoresKernel>(dim3(static_cast<unsigned>(item_count)), dim3(kThreads), 0, stream, items);
}

}  // namespace kvscope
