// Prefill's passes over a prompt on a device.
#pragma once

#include <span>
#include <vector>

#include "kernels/cuda/prefill_attention.h"
#include "runtime/cpu/prompt_prefill.h"
#include "runtime/cuda/device_timer.h"
#include "runtime/cuda/device_transformer.h"

namespace kvscope {

class DevicePrefill : public PromptLayers {
 public:
  // All arguments outlive this. `ledger`: of `transformer`'s pages.
  DevicePrefill(DeviceTransformer& transformer, DeviceLedger& memory, PageLedger& ledger,
                std::span<const int> prompt);

  absl::Status Begin() override;
  absl::StatusOr<std::vector<HeadCache>> RunLayer(size_t layer, PromptScores& scores) override;
  absl::Status Logits(std::span<float> logits) override;
  double compress_s() const override { return compress_s_; }

 private:
  const ModelConfig& config() const { return transformer_.config(); }
  // Carries out what was kept of the layer before.
  absl::Status KeepSelected();
  absl::Status Attend(const std::vector<HeadCache>& caches, PromptScores& scores);
  // The sum of that number, of the queries that it is to go over.
  absl::Status Receive(const PrefillAttentionParams& attention, size_t sum, PromptScores& scores);

  DeviceTransformer& transformer_;
  PageLedger& ledger_;
  std::span<const int> prompt_;
  DeviceTimer compress_timer_;  // of sums over queries, and of what is kept of a layer
  double compress_s_ = 0;
  std::vector<int> positions_;
  DeviceBuffer<int> ids_, device_positions_;  // [prompt]
  DeviceBuffer<CacheWrite> writes_;
  DeviceBuffer<float> logits_;            // [vocab]
  DeviceBuffer<const std::byte*> pages_;  // [kv_heads, pages]
  DeviceBuffer<float> max_, sum_;         // [heads, prompt]
  DeviceBuffer<float> received_;          // [heads, prompt]
};

}  // namespace kvscope
