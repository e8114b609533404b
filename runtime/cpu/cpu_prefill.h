// Prefill on the CPU: layer by layer over the whole prompt, so that only one layer's uncompressed cache
// exists at a time, and once for all rows that start from the prompt.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/kv_page.h"
#include "runtime/cpu/cpu_sequence.h"
#include "runtime/cpu/prompt_attention.h"
#include "runtime/cpu/prompt_scores.h"
#include "runtime/cpu/transformer.h"
#include "runtime/engine/backend.h"

namespace kvscope {

class CpuPrefill {
 public:
  // Of one prompt. All arguments outlive this.
  CpuPrefill(Transformer& transformer, BlockActivations& activations, KvType kv_type, PageLedger& ledger,
             const PrefillRequest& request);

  absl::StatusOr<PrefillResult> Run(std::span<float> logits);

  size_t scratch_bytes() const { return attention_.scratch_bytes() + scores_.bytes(); }

 private:
  // One layer's caches of KV heads, and what prefill policies left of them. Equal selections are forks.
  class LayerCaches {
   public:
    explicit LayerCaches(std::vector<HeadCache> whole);
    size_t heads() const { return made_.size(); }
    // The entries `rows` of a KV head, in that order.
    HeadCache Select(size_t kv_head, std::vector<int> rows);

   private:
    struct Made {
      std::vector<int> rows;
      HeadCache cache;
    };
    std::vector<std::vector<Made>> made_;  // [KV heads][distinct selections]; the first is the whole prompt
  };

  struct Row {
    std::unique_ptr<CpuSequence> sequence;
    absl::Status status;
    size_t cached_bytes = 0;
  };

  const ModelConfig& config() const { return transformer_.config(); }

  // Attention and feed-forward of one layer, and its whole prompt as caches, [KV heads].
  std::vector<HeadCache> RunLayer(size_t layer);

  // What methods_[row] leaves of one layer.
  absl::Status Compress(size_t layer, size_t row, LayerCaches& caches);

  Transformer& transformer_;
  BlockActivations& activations_;
  KvType kv_type_;
  PageLedger& ledger_;
  const PrefillRequest& request_;
  std::vector<int> positions_;
  std::vector<Method> methods_;
  std::vector<Row> rows_;
  PromptScores scores_;
  PromptAttention attention_;
};

}  // namespace kvscope
