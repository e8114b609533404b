// Which keys hold most of the attention, step by step: the data of SCOPE's figure 2 (heavy hitters drift from
// the prompt to the output) and of attention maps.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/backend.h"

namespace kvscope {

struct HeavyHitters {
  int step = 0;
  int layer = 0;
  int keys = 0;                // cached positions
  std::vector<int> positions;  // the top share of keys, ascending
  int in_prompt = 0;           // how many of them are positions of the prompt
  double attention_held = 0;   // attention on them, mean over the layer's query heads
};

struct HeavyHitterOptions {
  double share = 0.15;      // of the keys
  std::vector<int> layers;  // which to look at
  std::vector<int> steps;   // likewise, ascending, from 0
};

// Decodes greedily with the full cache and reports the heavy hitters of each layer at each step asked for. A
// key's weight is its attention, mean over the layer's query heads.
absl::StatusOr<std::vector<HeavyHitters>> FindHeavyHitters(Backend& backend, size_t vocab,
                                                           std::span<const int> prompt,
                                                           const HeavyHitterOptions& options);

// Attention over positions of one layer at one decode step, mean over query heads: [prompt + step + 1].
struct AttentionRow {
  int step = 0;
  int layer = 0;
  std::vector<float> attention;
};

// Decodes greedily with the full cache and passes each step's rows of `layers` on.
absl::Status StreamAttention(Backend& backend, size_t vocab, std::span<const int> prompt,
                             std::span<const int> layers, int steps,
                             const std::function<void(const AttentionRow&)>& on_row);

}  // namespace kvscope
