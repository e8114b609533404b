#include "eval/inspect/heavy_hitters.h"

#include <algorithm>
#include <map>
#include <utility>

#include "eval/inspect/replay.h"
#include "kernels/select.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// Attention by position, mean over the query heads of each layer of interest, of the step in progress.
class MeanAttention : public AttentionProbe {
 public:
  explicit MeanAttention(std::span<const int> layers) {
    for (int layer : layers) sums_[layer] = {};
  }

  void OnAttention(const AttentionSample& sample) override {
    const auto found = sums_.find(sample.layer);
    if (found == sums_.end()) return;
    Sum& sum = found->second;
    for (size_t i = 0; i < sample.positions.size(); ++i) {
      const auto position = static_cast<size_t>(sample.positions[i]);
      if (sum.by_position.size() <= position) sum.by_position.resize(position + 1);
      sum.by_position[position] += sample.probabilities[i];
    }
    ++sum.heads;
  }

  std::vector<float> Take(int layer) {
    Sum sum = std::exchange(sums_[layer], {});
    for (float& value : sum.by_position) value /= static_cast<float>(sum.heads);
    return std::move(sum.by_position);
  }

 private:
  struct Sum {
    std::vector<float> by_position;
    int heads = 0;
  };
  std::map<int, Sum> sums_;
};

}  // namespace

absl::Status StreamAttention(Backend& backend, size_t vocab, std::span<const int> prompt,
                             std::span<const int> layers, int steps,
                             const std::function<void(const AttentionRow&)>& on_row) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replay> replay, Replay::Start(backend, vocab, prompt, {}));
  MeanAttention probe(layers);
  for (int step = 0; step < steps; ++step) {
    backend.SetProbe(&probe);
    const absl::Status status = replay->Step();
    backend.SetProbe(nullptr);
    RETURN_IF_ERROR(status);
    for (int layer : layers) on_row({.step = step, .layer = layer, .attention = probe.Take(layer)});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<HeavyHitters>> FindHeavyHitters(Backend& backend, size_t vocab,
                                                           std::span<const int> prompt,
                                                           const HeavyHitterOptions& options) {
  std::vector<HeavyHitters> found;
  const int steps = options.steps.empty() ? 0 : options.steps.back() + 1;
  const auto note = [&](const AttentionRow& row) {
    if (!std::binary_search(options.steps.begin(), options.steps.end(), row.step)) return;
    HeavyHitters hitters{
        .step = row.step, .layer = row.layer, .keys = static_cast<int>(row.attention.size())};
    const int count = std::max(1, static_cast<int>(options.share * hitters.keys));
    hitters.positions = TopK(row.attention, count);
    for (int position : hitters.positions) {
      hitters.in_prompt += position < static_cast<int>(prompt.size());
      hitters.attention_held += row.attention[static_cast<size_t>(position)];
    }
    found.push_back(std::move(hitters));
  };
  RETURN_IF_ERROR(StreamAttention(backend, vocab, prompt, options.layers, steps, note));
  return found;
}

}  // namespace kvscope
