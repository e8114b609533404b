// What prefill does on any device: a layer at a time over the whole prompt, so that only one layer's
// uncompressed cache exists at a time, and once for all rows that start from the prompt.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/kv_page.h"
#include "runtime/cache/cached_sequence.h"
#include "runtime/cpu/prompt_scores.h"
#include "runtime/engine/backend.h"
#include "runtime/model/model_config.h"

namespace kvscope {

// A model's passes over one prompt, on some device.
class PromptLayers {
 public:
  virtual ~PromptLayers() = default;

  // The prompt's embeddings.
  virtual absl::Status Begin() = 0;

  // Attention and feed-forward of the next layer, with the sums that `scores` asks for. Its whole prompt as
  // caches, [KV heads], slot t holding position t.
  virtual absl::StatusOr<std::vector<HeadCache>> RunLayer(size_t layer, PromptScores& scores) = 0;

  // After the last token: [vocab], out.
  virtual absl::Status Logits(std::span<float> logits) = 0;

  // When Logits has returned: of all that, what was for compression.
  virtual double compress_s() const { return 0; }
};

class PromptPrefill {
 public:
  // Of one prompt. All arguments outlive this.
  PromptPrefill(PromptLayers& layers, const ModelConfig& config, KvType kv_type,
                const PrefillRequest& request);

  absl::StatusOr<PrefillResult> Run(std::span<float> logits);

  size_t scratch_bytes() const { return scores_.bytes(); }

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
    std::unique_ptr<CachedSequence> sequence;
    absl::Status status;
    size_t cached_bytes = 0;
  };

  // What methods_[row] leaves of one layer.
  absl::Status Compress(size_t layer, size_t row, LayerCaches& caches);

  PromptLayers& layers_;
  const ModelConfig& config_;
  KvType kv_type_;
  const PrefillRequest& request_;
  std::vector<Method> methods_;
  std::vector<Row> rows_;
  PromptScores scores_;
};

}  // namespace kvscope
