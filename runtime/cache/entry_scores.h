// What a decode policy judges the entries of one head's cache by.
#pragma once

#include <span>
#include <vector>

#include "runtime/cache/head_cache.h"
#include "runtime/methods/method.h"

namespace kvscope {

// Where a head stands in the model.
struct HeadIndex {
  int layer = 0;
  int head = 0;
};

// Turns the step's attention, one score a slot, into what `method` ranks by; higher stays. For the policies
// that accumulate, adds it to the entries first, so this is to be called at every step. `scores`:
// [cache.size()], in: the step's attention, combined over the group; out: the scores. REQUIRES: no holes.
void ScoreEntries(const Method& method, HeadIndex index, HeadCache& cache, std::span<float> scores);

// Cosine between each slot's key and the sum of all keys, each scaled to length 1. [cache.size()].
std::vector<float> LikenessToMeanKey(const HeadCache& cache);

// For the policies that judge by a layer: replaces each head's step attention by its mean over the heads that
// hold the same position. `caches` and `scores`: [heads], each score row [caches[h].size()].
void ShareLayerAttention(std::span<const HeadCache> caches, std::span<std::vector<float>> scores);

}  // namespace kvscope
