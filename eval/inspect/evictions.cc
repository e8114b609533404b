#include "eval/inspect/evictions.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "kernels/cpu/elementwise.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// Attention by position of each cached head, mean over the query heads that share it, of the step in
// progress.
class GroupAttention : public AttentionProbe {
 public:
  GroupAttention(int layers, int heads, int query_heads)
      : heads_(heads), group_(query_heads / heads), by_position_(static_cast<size_t>(layers * heads)) {}

  void OnAttention(const AttentionSample& sample) override {
    std::vector<float>& received = At(sample.layer, sample.query_head / group_);
    for (size_t i = 0; i < sample.positions.size(); ++i) {
      const auto position = static_cast<size_t>(sample.positions[i]);
      if (received.size() <= position) received.resize(position + 1);
      received[position] += sample.probabilities[i] / static_cast<float>(group_);
    }
  }

  std::vector<float> Take(int layer, int head) { return std::exchange(At(layer, head), {}); }

 private:
  std::vector<float>& At(int layer, int head) {
    return by_position_[static_cast<size_t>(layer * heads_ + head)];
  }

  int heads_;
  int group_;
  std::vector<std::vector<float>> by_position_;  // [layers x heads][positions]
};

}  // namespace

absl::Status StreamLedger(Backend& backend, std::span<const int> prompt, const Method& method,
                          const LedgerOptions& options, const std::function<void(const LedgerRow&)>& on_row) {
  std::vector<float> logits(options.vocab);
  PublishedCounters counters;
  PrefillRequest request;
  request.prompt = prompt;
  request.rows = {{method, &counters}};
  ASSIGN_OR_RETURN(const std::unique_ptr<BackendSequence> sequence, PrefillOne(backend, request, logits));

  // Positions that each head held before the step, ascending; before prefill's compression all of the
  // prompt's.
  std::vector<int> whole(prompt.size());
  for (size_t t = 0; t < whole.size(); ++t) whole[t] = static_cast<int>(t);
  std::vector<std::vector<int>> held(static_cast<size_t>(options.layers * options.heads), whole);
  GroupAttention attention(options.layers, options.heads, options.query_heads);
  const auto report = [&](int step) {
    for (int layer = 0; layer < options.layers; ++layer) {
      for (int head = 0; head < options.heads; ++head) {
        std::vector<int>& before = held[static_cast<size_t>(layer * options.heads + head)];
        std::vector<int> now = sequence->Rows(layer, head);
        std::sort(now.begin(), now.end());
        LedgerRow row{.step = step, .layer = layer, .head = head, .tokens = static_cast<int>(now.size())};
        row.kv_bytes = now.size() * options.slot_bytes;
        if (method.AccumulatesAttention()) row.score_bytes = now.size() * sizeof(float);
        row.requested_tokens = sequence->Limit(layer, head);
        std::set_difference(before.begin(), before.end(), now.begin(), now.end(),
                            std::back_inserter(row.evicted));
        const std::vector<float> received = attention.Take(layer, head);
        if (!received.empty()) {
          for (int position : row.evicted)
            row.evicted_attention.push_back(received[static_cast<size_t>(position)]);
        }
        before = std::move(now);
        on_row(row);
      }
    }
  };
  report(-1);
  for (int step = 0; step < options.steps; ++step) {
    const int token = ArgMaxFinite(logits);
    if (token < 0) return absl::OutOfRangeError("the logits are not finite");
    if (std::find(options.stop_ids.begin(), options.stop_ids.end(), token) != options.stop_ids.end()) break;
    for (std::vector<int>& positions : held) positions.push_back(static_cast<int>(prompt.size()) + step);
    BackendSequence* const rows[] = {sequence.get()};
    backend.SetProbe(&attention);
    const absl::Status status = backend.Decode(rows, std::span(&token, 1), logits);
    backend.SetProbe(nullptr);
    RETURN_IF_ERROR(status);
    report(step);
  }
  return absl::OkStatus();
}

}  // namespace kvscope
