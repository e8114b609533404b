// What decode policies judge a cached head's entries by, from the exponentials that attention left: one score
// a slot, combined over the head's query heads, and where wanted summed from step to step. The twins are
// runtime/cache/group_scores.h and entry_scores.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/cuda/decode_attention.h"

namespace kvscope {

enum class GroupFold : unsigned { kMean, kMax, kSum };

// One cached head. Pointers are of device memory.
struct GroupScoreItem {
  unsigned first_row;  // its query heads' AttentionRows follow each other, with equal slots, and keep their
                       // exponentials
  unsigned rows;       // 0: nothing is done
  GroupFold fold;
  float*
      accumulated;  // [slots], in and out: scores of the steps before, and this one's added; null: not kept
  float* scores;    // [slots], out: the step's, or where accumulated is not null, what it came to
};

// All pointers are of device memory.
struct GroupScoresParams {
  const AttentionRow* rows;     // as in DecodeAttentionParams
  const float* probabilities;   // likewise
  const float* factors;         // likewise
  const GroupScoreItem* items;  // [item_count]
  size_t item_count;
};

// Query heads are added in order. cudaErrorInvalidValue: a null pointer, item_count above INT_MAX.
[[nodiscard]] cudaError_t GroupScoresOnDevice(const GroupScoresParams& params, cudaStream_t stream);

}  // namespace kvscope
