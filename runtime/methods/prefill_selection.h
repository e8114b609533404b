// What a prefill policy keeps of one head's prompt, given the scores of its keys.
#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/methods/method.h"

namespace kvscope {

// Where in the model a head stands: budgets may differ by layer.
struct LayerIndex {
  int layer = 0;
  int layers = 1;
};

// Prompt positions that stay, in row order: ascending in clean; in published by descending score, then the
// last w. `prompt`: P. `scores`: one for each position in [0, P - w), empty where the policy scores nothing
// or nothing is compressed (Compresses). FailedPrecondition: a prompt too short for the published form of the
// policy.
absl::StatusOr<std::vector<int>> SelectPrefill(const Method& method, LayerIndex layer, int prompt,
                                               std::span<const float> scores);

// Whether the policy would drop anything of a prompt of that length.
bool Compresses(const Method& method, int prompt);

// w: the last prompt positions, always kept; their queries score the rest under snapkv.
int ObservationWindow(const Method& method);

}  // namespace kvscope
