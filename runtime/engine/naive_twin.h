// The clean semantics once more, as plainly as they can be said: double precision, every key and value of
// every token kept for good, and beside them the list of positions that each head still sees. The engine is
// tested against it.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "runtime/methods/method.h"
#include "runtime/model/model.h"

namespace kvscope {

class NaiveTwin {
 public:
  NaiveTwin(std::shared_ptr<const Model> model, const Method& method);

  // Logits after the prompt, then the method's prefill policy.
  std::vector<double> Prefill(std::span<const int> prompt);

  // Logits after one more token, then the method's decode policy.
  std::vector<double> Decode(int token);

  // Positions that KV head `head` of `layer` sees, ascending.
  const std::vector<int>& Seen(size_t layer, size_t head) const { return heads_[layer][head].seen; }

 private:
  struct Head {
    std::vector<std::vector<double>> keys, values;  // [positions][head_dim], of every position
    std::vector<int> seen;
    std::vector<double>
        received;  // [positions]: attention received, summed over queries and mean over the group
  };

  std::vector<double> Forward(int token, bool decoding);
  std::vector<double> Attend(size_t layer, const std::vector<double>& x, bool decoding);
  void CompressPrompt(size_t layer);
  void EvictAfterStep(size_t layer, size_t head, const std::vector<double>& step_scores);

  std::shared_ptr<const Model> model_;
  Method method_;
  std::vector<std::vector<Head>> heads_;  // [layers][kv_heads]
  std::vector<std::vector<std::vector<double>>>
      window_received_;              // [layers][kv_heads][positions], observation window
  std::vector<int> kept_;            // [layers], entries that prefill left
  std::vector<int> last_selection_;  // [layers]
  int prompt_ = 0;
  int position_ = 0;
};

}  // namespace kvscope
