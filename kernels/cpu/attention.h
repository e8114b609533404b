// Exact softmax attention of a tile of queries over a paged cache, in float32, for prefill and decode alike.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/kv_page.h"

namespace kvscope {

// Queries that a tile takes at most. In decode they are the query heads of a GQA group, so that each K/V
// row is read once a group; in prefill they are successive positions of one head.
inline constexpr size_t kMaxQueries = 6;

// head_dim must be a multiple of this.
inline constexpr size_t kHeadDimMultiple = 8;

// Floats a row of probabilities takes for that many slots: whole pages.
constexpr size_t PaddedSlots(size_t slots) { return (slots + kPageSlots - 1) / kPageSlots * kPageSlots; }

struct AttentionArgs {
  size_t queries = 0;  // 1 to kMaxQueries
  size_t head_dim = 0;
  const float* q[kMaxQueries];  // each [head_dim], rotated, not scaled
  size_t visible[kMaxQueries];  // query i sees slots [0, visible[i]); each in [1, slots]
  size_t slots = 0;
  float scale = 0;  // 1 / sqrt(head_dim)
  KvType kv_type = KvType::kF32;
  std::span<const std::byte* const> pages;  // at least ceil(slots / kPageSlots) pages of kernels/kv_page.h
  // Out: softmax probabilities, [queries, PaddedSlots(slots)]; 0 where a query does not see a slot.
  float* probabilities = nullptr;
  float* out[kMaxQueries];  // out: each [head_dim]; all null: probabilities only
};

// A query's result does not depend on which others share its tile, nor on slots that it does not see.
void Attention(const AttentionArgs& tile);

// The same for several tiles with the same head_dim and kv_type, page by page: a page that they have in
// common is read from memory once for all of them.
void Attention(std::span<const AttentionArgs> tiles);

// sums[j] += row[j] for j in [0, n): how the policies' scores are accumulated.
void AccumulateScores(const float* row, size_t n, float* sums);

}  // namespace kvscope
