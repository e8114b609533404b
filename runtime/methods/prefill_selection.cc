#include "runtime/methods/prefill_selection.h"

#include <algorithm>
#include <numeric>

#include "fmt/format.h"
#include "kernels/select.h"
#include "results/base/status_macros.h"
#include "runtime/methods/layer_budget.h"

namespace kvscope {
namespace {

// Entries that scores decide on, of P - w candidates.
absl::StatusOr<int> ScoredBudget(const Method& method, LayerIndex layer, int prompt) {
  const PrefillPolicy& policy = *method.prefill;
  const int window = ObservationWindow(method);
  const int candidates = prompt - window;
  const int average = method.budgets.prefill - window;
  const bool published = method.semantics == Semantics::kPublished;
  if (published && prompt < 2 * average && policy.short_prompt_adds_window) {
    if (candidates < method.budgets.prefill) {
      return absl::FailedPreconditionError(fmt::format(
          "{}: published semantics need a prompt of at least {} tokens with this budget, found {}",
          policy.name, method.budgets.prefill + window, prompt));
    }
    return method.budgets.prefill;
  }
  if (policy.pyramid_divisor == 0 || (published && prompt < 2 * average))
    return std::min(average, candidates);
  const auto share = published ? PublishedPyramidShare : PyramidShare;
  return std::min(share(average, policy.pyramid_divisor, candidates, layer.layer, layer.layers), candidates);
}

std::vector<int> Range(int first, int last) {
  std::vector<int> range(static_cast<size_t>(last - first));
  std::iota(range.begin(), range.end(), first);
  return range;
}

}  // namespace

int ObservationWindow(const Method& method) {
  return method.prefill->window_is_half_budget ? method.budgets.prefill / 2 : method.budgets.observation;
}

bool Compresses(const Method& method, int prompt) {
  if (method.prefill->keep == PrefillPolicy::Keep::kEverything || method.budgets.prefill == 0) return false;
  // At P = C the published code goes through a selection that keeps all (or, in pyramidkv, does not).
  return method.semantics == Semantics::kPublished ? prompt >= method.budgets.prefill
                                                   : prompt > method.budgets.prefill;
}

absl::StatusOr<std::vector<int>> SelectPrefill(const Method& method, LayerIndex layer, int prompt,
                                               std::span<const float> scores) {
  if (!Compresses(method, prompt)) return Range(0, prompt);
  const int window = ObservationWindow(method);
  std::vector<int> rows;
  if (method.prefill->keep == PrefillPolicy::Keep::kFirstAndLast) {
    rows = Range(0, method.budgets.prefill - window);
  } else {
    ASSIGN_OR_RETURN(const int keep, ScoredBudget(method, layer, prompt));
    const std::vector<float> pooled = MaxPool(scores, method.prefill->pool_kernel);
    rows = method.semantics == Semantics::kPublished ? TopKAsTorch(pooled, keep) : TopK(pooled, keep);
  }
  for (int position = prompt - window; position < prompt; ++position) rows.push_back(position);
  return rows;
}

}  // namespace kvscope
