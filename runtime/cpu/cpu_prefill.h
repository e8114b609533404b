// Prefill's passes over a prompt on the CPU.
#pragma once

#include <span>
#include <vector>

#include "runtime/cpu/prompt_attention.h"
#include "runtime/cpu/prompt_prefill.h"
#include "runtime/cpu/transformer.h"

namespace kvscope {

class CpuPrefill : public PromptLayers {
 public:
  // All arguments outlive this.
  CpuPrefill(Transformer& transformer, BlockActivations& activations, KvType kv_type, PageLedger& ledger,
             std::span<const int> prompt);

  absl::Status Begin() override;
  absl::StatusOr<std::vector<HeadCache>> RunLayer(size_t layer, PromptScores& scores) override;
  absl::Status Logits(std::span<float> logits) override;

  size_t scratch_bytes() const { return attention_->scratch_bytes(); }

 private:
  const ModelConfig& config() const { return transformer_.config(); }

  Transformer& transformer_;
  BlockActivations& activations_;
  KvType kv_type_;
  PageLedger& ledger_;
  std::span<const int> prompt_;
  std::vector<int> positions_;
  std::unique_ptr<PromptAttention> attention_;
};

}  // namespace kvscope
