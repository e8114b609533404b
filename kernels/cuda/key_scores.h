// What policies that look at keys judge a cached head's entries by, to the bit of the twins in
// runtime/cache/entry_scores.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/kv_page.h"

namespace kvscope {

enum class KeyScore : unsigned {
  kDistinctness,  // how little a key resembles the mean key
  kNovelty        // attention, as a share of the most that a slot has, against likeness to the mean key
};

// One cached head. Pointers are of device memory.
struct KeyScoreItem {
  const std::byte* const* pages;  // of kernels/cuda/kv_layout.h
  unsigned slots;                 // 0: nothing is done
  KeyScore what;
  float attention_weight;  // of kNovelty; likeness weighs what is left of 1
  float* scores;           // [slots], out; of kNovelty in, too: the attention
  double* scales;          // scratch: [slots]
};

// Likeness is the cosine between a key and the sum of all keys, each scaled to length 1 and rounded to float;
// sums are doubles, in the order of slots and of elements. items: [item_count], in device memory.
// cudaErrorInvalidValue: a null pointer, item_count above INT_MAX, a head_dim or type without kernels.
[[nodiscard]] cudaError_t KeyScoresOnDevice(const KeyScoreItem* items, size_t item_count, unsigned head_dim,
                                            KvType kv_type, cudaStream_t stream);

}  // namespace kvscope
