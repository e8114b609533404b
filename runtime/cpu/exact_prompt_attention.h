// Attention over a prompt in float32, each query's softmax as a whole.
#pragma once

#include <vector>

#include "kernels/aligned.h"
#include "runtime/cpu/prompt_attention.h"

namespace kvscope {

class ExactPromptAttention : public PromptAttention {
 public:
  ExactPromptAttention(Transformer& transformer, size_t prompt);

  void Run(std::span<const HeadCache> caches, const Activations& q, const Activations& k,
           const Activations& v, Activations& out, PromptScores& scores) override;
  size_t scratch_bytes() const override;

 private:
  // One pass over the queries of every head, in tiles, that makes `out` (where not null) and the given sums.
  // `unmasked_before`: queries before that one see all of the prompt, the others only what came before them.
  void Pass(std::span<const HeadCache> caches, const Activations& q, Activations* out, size_t unmasked_before,
            PromptScores& scores, const std::vector<size_t>& sums);

  Transformer& transformer_;
  PromptSegments segments_;
  std::vector<AlignedVector<float>> probabilities_;  // by thread: [kMaxQueries, padded slots]
};

}  // namespace kvscope
