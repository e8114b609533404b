// Decode attention on the fast path. The slots of a head are worked on in chunks of fixed size, which threads
// share out, and merged in order: a result depends neither on threads nor on what else is worked on.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "kernels/cpu/attention.h"
#include "kernels/kv_page.h"

namespace kvscope {

// Pages of a chunk, of so many slots in all: few enough for three heads to be shared out evenly over two
// threads, and for a chunk to stay in the second-level cache while the rows of a batch that share it attend
// to it one after another.
constexpr size_t ChunkPages(size_t slots) {
  constexpr size_t kMost = 8, kParts = 4;
  return std::clamp<size_t>(PaddedSlots(slots) / kPageSlots / kParts, 1, kMost);
}

constexpr size_t Chunks(size_t slots) {
  const size_t chunk_slots = ChunkPages(slots) * kPageSlots;
  return (slots + chunk_slots - 1) / chunk_slots;
}

// Of the queries of a tile: the largest score, base 2, and the sum of all weights relative to it.
struct SoftmaxSums {
  float max[kMaxQueries];
  float sum[kMaxQueries];
};

// Weights that can be made probabilities later, where somebody needs them: of slot s,
//   probability = weights[s] * 2^(references[s / 64] - max) / sum.
struct WeightRows {
  float* weights = nullptr;     // [queries, PaddedSlots(slots)]
  float* references = nullptr;  // [queries, pages]
};

struct DecodeTile {
  size_t queries = 0;  // 1 to kMaxQueries
  size_t head_dim = 0;
  const float* q[kMaxQueries];  // each [head_dim], rotated, not scaled
  float scale = 0;              // 1 / sqrt(head_dim)
  KvType kv_type = KvType::kBF16;
  std::span<const std::byte* const> pages;
  size_t slots = 0;  // in use, at least 1
  WeightRows rows;   // all null: not wanted
  // Out, by chunk; aligned to cache lines.
  float* parts = nullptr;       // [chunks, queries, head_dim]: sums of weight times value
  SoftmaxSums* sums = nullptr;  // [chunks]
};

// Attends to one chunk of the tile. REQUIRES: head_dim <= kMaxFastHeadDim.
void AttendChunk(const DecodeTile& tile, size_t chunk);

// products[s] = direction . key of slot s, for slots of one chunk. direction: [head_dim]; products:
// [PaddedSlots(slots)], aligned. REQUIRES: head_dim <= kMaxFastHeadDim.
void MultiplyKeys(KvType type, size_t head_dim, std::span<const std::byte* const> pages, size_t chunk,
                  const float* direction, float* products);

// Once all chunks have been attended to: out[r], [head_dim], is the attention of query r. `total`: out.
void MergeChunks(const DecodeTile& tile, float* const* out, SoftmaxSums& total);

// One query's weights after MergeChunks.
struct QueryWeights {
  const float* weights;
  const float* references;
  float max;
  float sum;
};

// scores[s] = `share` times the sum, or the maximum, of the queries' probabilities of slot s, for slots from
// that page on in which `first` lies to `slots`. scores: [PaddedSlots(slots)].
void CombineProbabilities(std::span<const QueryWeights> queries, bool maximum, float share, size_t first,
                          size_t slots, float* scores);

}  // namespace kvscope
