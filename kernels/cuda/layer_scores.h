// One score for a position from all heads of a layer that hold it. The twin is ShareLayerAttention of
// runtime/cache/entry_scores.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace kvscope {

// One cached head. Pointers are of device memory.
struct LayerScoreHead {
  float* scores;         // [slots], in and out
  const int* positions;  // [slots], all different
  unsigned slots;
};

// The heads of one layer of one sequence.
struct LayerScoreItem {
  const LayerScoreHead* heads;  // [count], in device memory
  unsigned count;               // 0: nothing is done
  unsigned positions;           // above all that the heads hold
  float* sums;                  // scratch: [positions]
  unsigned* holders;            // scratch: [positions]
};

// Each score becomes the mean over the item's heads that hold the same position; heads are added in order.
// items: [item_count], in device memory. cudaErrorInvalidValue: a null pointer, item_count above INT_MAX.
[[nodiscard]] cudaError_t ShareLayerScoresOnDevice(const LayerScoreItem* items, size_t item_count,
                                                   cudaStream_t stream);

}  // namespace kvscope
