// Attention over a prompt on the fast path: in blocks, products in bf16, over the prompt's own keys and
// values, which a cache of another type has rounded otherwise.
#pragma once

#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/fast_prefill.h"
#include "runtime/cpu/prompt_attention.h"

namespace kvscope {

class FastPromptAttention : public PromptAttention {
 public:
  FastPromptAttention(Transformer& transformer, size_t prompt);

  void Run(std::span<const HeadCache> caches, const Activations& q, const Activations& k,
           const Activations& v, Activations& out, PromptScores& scores) override;
  size_t scratch_bytes() const override;

 private:
  using Pages = std::vector<const std::byte*>;

  // One KV head's pages in bf16: the cache's own, or else made of k and v.
  Pages PagesOf(const HeadCache& cache, size_t kv_head, const Activations& k, const Activations& v);

  // One pass over the queries of every head that makes `out` (where not null) and the given sums.
  // `unmasked_before`: queries before that one see all of the prompt, the others only what came before them.
  void Pass(std::span<const Pages> pages, const Activations& q, Activations* out, size_t unmasked_before,
            PromptScores& scores, const std::vector<size_t>& sums);

  Transformer& transformer_;
  PromptSegments segments_;
  std::vector<PrefillAttention> attention_;  // by thread
  AlignedVector<std::byte> made_pages_;      // [kv heads][pages]; empty where the cache is bf16
};

}  // namespace kvscope
