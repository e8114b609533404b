// Exact attention of one layer over a whole prompt, with the sums that prefill policies ask for.
#pragma once

#include <vector>

#include "kernels/aligned.h"
#include "runtime/cache/head_cache.h"
#include "runtime/cpu/prompt_scores.h"
#include "runtime/cpu/transformer.h"

namespace kvscope {

class PromptAttention {
 public:
  explicit PromptAttention(size_t prompt) : prompt_(prompt) {}

  // Causal attention of all queries over one layer's caches, [kv_heads], each holding positions 0 .. P-1 in
  // order, and the layer's `scores`. q, out: [P, heads * head_dim].
  void Run(Transformer& transformer, const std::vector<HeadCache>& caches, const Activations& q,
           Activations& out, PromptScores& scores);

  size_t scratch_bytes() const;

 private:
  // One pass over the queries of every head, in tiles, that makes `out` (where not null) and the given sums.
  // `unmasked_before`: queries before that one see all of the prompt, the others only what came before them.
  void Pass(Transformer& transformer, const std::vector<HeadCache>& caches, const Activations& q,
            Activations* out, size_t unmasked_before, PromptScores& scores, const std::vector<size_t>& sums);

  size_t prompt_;
  std::vector<AlignedVector<float>> probabilities_;  // by thread: [kMaxQueries, padded slots]
};

}  // namespace kvscope
