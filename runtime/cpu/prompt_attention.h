// Attention of one layer over a whole prompt, with the sums that prefill policies ask for.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "runtime/cache/head_cache.h"
#include "runtime/cpu/prompt_scores.h"
#include "runtime/cpu/transformer.h"

namespace kvscope {

class PromptAttention {
 public:
  virtual ~PromptAttention() = default;

  // Causal attention of all queries over one layer's caches, [kv_heads], each holding positions 0 .. P-1 in
  // order, and the layer's `scores`. q, out: [P, heads * head_dim], k, v: [P, kv_heads * head_dim], of which
  // the caches were made.
  virtual void Run(std::span<const HeadCache> caches, const Activations& q, const Activations& k,
                   const Activations& v, Activations& out, PromptScores& scores) = 0;

  virtual size_t scratch_bytes() const = 0;
};

// `transformer` must outlive it.
std::unique_ptr<PromptAttention> MakePromptAttention(Transformer& transformer, size_t prompt);

// Runs of successive queries that are worked on, and whose scores are summed, apart: their number is the same
// whatever the threads, so that sums are.
struct PromptSegments {
  // `multiple`: of how many queries a segment is made.
  PromptSegments(size_t prompt, size_t multiple);

  size_t begin(size_t segment) const { return segment * queries; }
  size_t end(size_t segment) const;

  size_t prompt;
  size_t queries;  // in each but the last
  size_t count;
};

}  // namespace kvscope
