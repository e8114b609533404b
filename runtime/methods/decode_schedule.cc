#include "runtime/methods/decode_schedule.h"

#include <algorithm>
#include <utility>

#include "runtime/methods/layer_budget.h"

namespace kvscope {
namespace {

constexpr int kNever = std::numeric_limits<int>::min() / 2;

}  // namespace

DecodeSchedule::DecodeSchedule(const Method& method, int prompt, std::vector<int> kept,
                               PublishedCounters* counters)
    : method_(method),
      prompt_(prompt),
      kept_(std::move(kept)),
      last_selection_(kept_.size(), kNever),
      counters_(counters) {
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

int DecodeSchedule::Limit(int layer, int step) const {
  if (method_.decode->rank == DecodePolicy::Rank::kNever) return kUnlimited;
  if (method_.semantics == Semantics::kPublished) return kUnlimited;  // bug for bug, over budget or not
  const DecodePolicy& policy = *method_.decode;
  const int layers = static_cast<int>(kept_.size());
  int limit = CleanBase(layer) + Window(step);
  if (policy.pyramid_divisor > 0) {
    const int recent = method_.budgets.recent;
    limit = recent + PyramidShare(limit - recent, policy.pyramid_divisor, kUnlimited / 4, layer, layers);
  }
  return policy.periodic ? limit + Delta() - 1 : limit;
}

Selection DecodeSchedule::Next(int layer, int step, int length) {
  if (method_.decode->rank == DecodePolicy::Rank::kNever) return {};
  return method_.semantics == Semantics::kPublished ? NextPublished(layer, length)
                                                    : NextClean(layer, step, length);
}

Selection DecodeSchedule::NextClean(int layer, int step, int length) {
  const DecodePolicy& policy = *method_.decode;
  const int recent = method_.budgets.recent;
  const int slack = policy.periodic ? Delta() - 1 : 0;
  const int budget = Limit(layer, step) - slack;
  if (length <= budget) return {};
  int& last_selection = last_selection_[static_cast<size_t>(layer)];
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
