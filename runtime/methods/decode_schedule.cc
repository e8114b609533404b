#include "runtime/methods/decode_schedule.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "runtime/methods/layer_budget.h"

namespace kvscope {
namespace {

constexpr int kNever = std::numeric_limits<int>::min() / 2;

}  // namespace

DecodeSchedule::DecodeSchedule(const Method& method, int prompt, std::vector<int> kept, size_t heads,
                               const std::vector<std::vector<double>>& spread, PublishedCounters* counters)
    : method_(method),
      prompt_(prompt),
      kept_(std::move(kept)),
      heads_(heads),
      last_selection_(kept_.size(), std::vector<int>(heads, kNever)),
      counters_(counters) {
  for (const std::vector<double>& shares : spread) {
    const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
    std::vector<double> cumulative = {0.0};
    for (double share : shares) cumulative.push_back(cumulative.back() + share / total);
    cumulative.back() = 1.0;
    cumulative_.push_back(std::move(cumulative));
  }
  if (method_.semantics == Semantics::kPublished && !method_.prefill->counters_outlive_prompts) {
    counters_->step = 0;
    counters_->jump = 0;
  }
}

// Steps in which an adaptive window grows by one, so that it reaches W at step T - R.
int DecodeSchedule::Delta() const {
  const Budgets& b = method_.budgets;
  const int delta = (b.max_new - b.recent) / (b.window - b.recent);
  if (method_.semantics == Semantics::kClean) return std::max(1, delta);
  return method_.prefill->published_delta > 0 ? method_.prefill->published_delta : delta;
}

int DecodeSchedule::Window(int step) const {
  if (!method_.decode->window_grows) return method_.budgets.window;
  return std::min(method_.budgets.window, method_.budgets.recent + step / Delta());
}

// Entries that the window comes on top of.
int DecodeSchedule::CleanBase(int layer) const {
  const DecodePolicy& policy = *method_.decode;
  const auto l = static_cast<size_t>(layer);
  if (policy.protects_prefill) return kept_[l];
  const bool bounded = UsesPrefillBudget(method_) && method_.budgets.prefill > 0;
  return bounded ? method_.budgets.prefill : prompt_;
}

// Entries after a selection: what does not move, the recent window, and the scored part, which layers and
// heads share.
int DecodeSchedule::CleanBudget(int layer, int head, int step) const {
  const DecodePolicy& policy = *method_.decode;
  const int layers = static_cast<int>(kept_.size());
  const int fixed = policy.protects_prefill ? CleanBase(layer) : 0;
  const int recent = method_.budgets.recent;
  int scored = CleanBase(layer) - fixed + Window(step) - recent;
  if (policy.pyramid_divisor > 0) {
    scored = PyramidShare(scored, policy.pyramid_divisor, kUnlimited / 4, layer, layers);
  }
  if (!cumulative_.empty()) {
    const auto& cumulative = cumulative_[static_cast<size_t>(layer)];
    const double total = static_cast<double>(scored) * static_cast<double>(heads_);
    const auto h = static_cast<size_t>(head);
    scored = static_cast<int>(std::floor(cumulative[h + 1] * total) - std::floor(cumulative[h] * total));
  }
  return fixed + scored + recent;
}

int DecodeSchedule::Limit(int layer, int head, int step) const {
  const DecodePolicy& policy = *method_.decode;
  if (policy.rank == DecodePolicy::Rank::kNever || policy.evicts_nothing) return kUnlimited;
  if (method_.semantics == Semantics::kPublished) return kUnlimited;  // bug for bug, over budget or not
  return CleanBudget(layer, head, step) + (policy.periodic ? Delta() - 1 : 0);
}

Selection DecodeSchedule::Next(int layer, int head, int step, int length) {
  if (method_.decode->rank == DecodePolicy::Rank::kNever) return {};
  if (method_.semantics == Semantics::kClean) return NextClean(layer, head, step, length);
  if (head == 0) published_ = NextPublished(layer, length);
  return published_;
}

Selection DecodeSchedule::NextClean(int layer, int head, int step, int length) {
  const DecodePolicy& policy = *method_.decode;
  if (policy.evicts_nothing) return {.due = true, .keep = kUnlimited};
  const int recent = method_.budgets.recent;
  const int budget = CleanBudget(layer, head, step);
  if (length <= budget) return {};
  int& last_selection = last_selection_[static_cast<size_t>(layer)][static_cast<size_t>(head)];
  if (policy.periodic && step - last_selection < Delta()) return {};
  last_selection = step;
  Selection selection{.due = true, .recent = recent, .keep = budget - recent};
  if (policy.protects_prefill) {
    selection.first = kept_[static_cast<size_t>(layer)];
    selection.keep -= selection.first;
  }
  return selection;
}

Selection DecodeSchedule::NextPublished(int layer, int length) {
  const DecodePolicy& policy = *method_.decode;
  const int layers = static_cast<int>(kept_.size());
  const int base = UsesPrefillBudget(method_) ? method_.budgets.prefill : prompt_;
  const int recent = method_.budgets.recent;
  int window = method_.budgets.window;
  if (policy.window_grows) {
    const int64_t period = int64_t{Delta()} * layers;
    window = recent + static_cast<int>(counters_->step / period);
    ++counters_->step;
  }
  if (length < base + window) return {};
  if (policy.periodic) {
    if (counters_->jump < int64_t{Delta()} * layers) {
      ++counters_->jump;
      return {};
    }
    if (++counters_->jump_layer == layers) {
      counters_->jump = 0;
      counters_->jump_layer = 0;
    }
  }
  if (policy.protects_prefill) {
    return {.due = true, .first = base, .recent = recent, .keep = window - recent};
  }
  return {.due = true, .first = 0, .recent = recent, .keep = PublishedKeep(layer, length)};
}

// Of the policies with one budget for prompt and output.
int DecodeSchedule::PublishedKeep(int layer, int length) const {
  const int layers = static_cast<int>(kept_.size());
  const int prefill = UsesPrefillBudget(method_) ? method_.budgets.prefill : prompt_;
  const int window = method_.budgets.window, recent = method_.budgets.recent;
  const int base = prefill + window - recent;
  const int divisor = method_.decode->pyramid_divisor;
  if (divisor == 0 || length < 2 * (prefill - recent) + window) return base;
  const int share = PublishedPyramidShare(base, divisor, kUnlimited / 4, layer, layers);
  return std::min(share + window, length - recent);
}

}  // namespace kvscope
