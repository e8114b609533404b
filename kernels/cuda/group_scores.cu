#include "kernels/cuda/group_scores.h"

#include <climits>

#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr unsigned kThreads = 256;

// A block for each item.
__global__ void __launch_bounds__(kThreads) GroupScoresKernel(GroupScoresParams params) {
  const GroupScoreItem item = params.items[blockIdx.x];
  if (item.rows == 0) return;
  const unsigned slots = params.rows[item.first_row].slots;
  const float share = item.fold == GroupFold::kMean ? 1.0f / static_cast<float>(item.rows) : 1.0f;
  for (unsigned slot = threadIdx.x; slot < slots; slot += kThreads) {
    float score = 0.0f;  // probabilities are not negative
    for (unsigned i = 0; i < item.rows; ++i) {
      const AttentionRow& row = params.rows[item.first_row + i];
      const float probability = params.probabilities[row.first_probability + slot] *
                                params.factors[row.first_partial + slot / kSplitSlots];
      score = item.fold == GroupFold::kMax ? fmaxf(score, probability) : score + probability;
    }
    score *= share;
    if (item.accumulated != nullptr) item.accumulated[slot] = score += item.accumulated[slot];
    item.scores[slot] = score;
  }
}

}  // namespace

cudaError_t GroupScoresOnDevice(const GroupScoresParams& params, cudaStream_t stream) {
  if (params.item_count == 0) return cudaSuccess;
  if (params.rows == nullptr || params.probabilities == nullptr || params.factors == nullptr ||
      params.items == nullptr || params.item_count > INT_MAX) {
    return cudaErrorInvalidValue;
  }
  return Launch<GroupScoresKernel>(dim3(static_cast<unsigned>(params.item_count)), dim3(kThreads), 0, stream, params);
}

}  // namespace kvscope
