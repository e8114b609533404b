// Attention of a prompt's queries on the fast path, block by block and without a row of probabilities (Dao et
// al. 2022): products in bf16, sums in float.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/page_products.h"
#include "kernels/kv_page.h"

namespace kvscope {

inline constexpr size_t kBlockQueries = kMaxTileQueries;

// Successive queries of a prompt in the query heads that share one KV head.
struct PrefillBlock {
  size_t first = 0;          // position of the first query
  size_t queries = 0;        // 1 to kBlockQueries
  const float* q = nullptr;  // query i of head h: q + i * q_stride + h * head_dim; rotated, not scaled
  size_t q_stride = 0;
  std::span<const std::byte* const> pages;  // bf16, of the whole prompt, slot = position
  size_t prompt = 0;                        // positions
  // Queries at positions before that see all of the prompt, the others what comes up to themselves.
  size_t unmasked_before = 0;
  float* out = nullptr;  // like q; null: not wanted
  size_t out_stride = 0;
};

// One thread's working space.
class PrefillAttention {
 public:
  // REQUIRES: head_dim <= kMaxFastHeadDim.
  PrefillAttention(size_t heads, size_t head_dim);
  PrefillAttention(PrefillAttention&&) = default;
  PrefillAttention& operator=(PrefillAttention&&) = default;

  // Attention of all heads of the block.
  void Attend(const PrefillBlock& block);

  // sums[j] += probability that the queries from position `from` on give slot j in one head; sums:
  // [PaddedSlots of the prompt]. Of the block that Attend was last called with.
  void AddProbabilities(const PrefillBlock& block, size_t head, size_t from, float* sums);

  size_t bytes() const { return floats_.size() * sizeof(float) + packed_.size(); }

  // For the kernels: what belongs to one head.
  struct Head {
    std::byte* packed;   // [kBlockQueries][PackedQueryBytes(head_dim)]
    float* out;          // [kBlockQueries, head_dim]
    float* sums;         // [kBlockQueries, 16]: interleaved parts of the sum of weights
    float* references;   // [kBlockQueries]: what scores, base 2, are taken relative to
    float* normalizers;  // [kBlockQueries]: log2 of the sum of 2^score
  };

 private:
  size_t head_dim_;
  AlignedVector<std::byte> packed_;
  AlignedVector<float> floats_;
  std::vector<Head> heads_;
  float* scores_;  // [kBlockQueries, kPageSlots], of one head at a time
};

}  // namespace kvscope
