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

// R-KV's weight of attention against redundancy.
inline constexpr float kAttentionWeight = 0.1f;

// Whether a policy that ranks so looks at the step's attention; of those that do not, none need be given.
bool LooksAtAttention(DecodePolicy::Rank rank);

// Whether a policy that ranks so compares keys with their mean.
bool LooksAtKeys(DecodePolicy::Rank rank);

// Turns the step's attention, one score a slot, into what `method` ranks by; higher stays. For the policies
// that accumulate, adds it to the entries first, so this is to be called at every step. `scores`:
// [cache.size()], in: the step's attention, combined over the group; out: the scores. Slots before `first`
// are no candidates, and left alone where what they have received does not matter to the others. REQUIRES: no
// holes.
// `likeness`: what LikenessToMeanKey(cache) would give, [cache.size()], for policies that look at keys;
// empty: to be computed.
void ScoreEntries(const Method& method, HeadIndex index, HeadCache& cache, size_t first,
                  std::span<float> scores, std::span<const float> likeness = {});

// Cosine between each slot's key and the sum of all keys, each scaled to length 1. [cache.size()].
std::vector<float> LikenessToMeanKey(const HeadCache& cache);

// For the policies that judge by a layer: replaces each head's step attention by its mean over the heads that
// hold the same position. `caches` and `scores`: [heads], each score row [caches[h].size()], or empty where a
// head's attention does not count.
void ShareLayerAttention(std::span<const HeadCache> caches, std::span<const std::span<float>> scores);

}  // namespace kvscope
