#include "runtime/cpu/prompt_scores.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "kernels/cpu/attention.h"
#include "runtime/cache/group_scores.h"
#include "runtime/methods/prefill_selection.h"

namespace kvscope {
namespace {

// Heavy hitters are the top 15 % of keys (SCOPE, figure 2).
constexpr double kHeavyHitterShare = 0.15;
// A head whose heavy hitters hold everything still gets a part.
constexpr double kLeastSpread = 0.05;

size_t WindowQueries(const Method& method, size_t prompt) {
  return std::min(prompt, static_cast<size_t>(ObservationWindow(method)));
}

double Spread(KeyScores scores) {
  const size_t hitters =
      std::max<size_t>(1, static_cast<size_t>(kHeavyHitterShare * static_cast<double>(scores.size())));
  const auto rest = scores.begin() + static_cast<std::ptrdiff_t>(hitters);
  std::nth_element(scores.begin(), rest - 1, scores.end(), std::greater<>());
  const double total = std::accumulate(scores.begin(), scores.end(), 0.0);
  const double held = std::accumulate(scores.begin(), rest, 0.0);
  return std::max(kLeastSpread, 1.0 - held / total);
}

}  // namespace

PromptScores::PromptScores(std::span<const Method> methods, size_t prompt)
    : methods_(methods), prompt_(prompt), stride_(PaddedSlots(prompt)) {
  for (const Method& method : methods) {
    const size_t window = WindowQueries(method, prompt);
    Needs needs;
    if (Compresses(method, static_cast<int>(prompt))) {
      if (method.prefill->scored_by == PrefillPolicy::Queries::kObservationWindow) {
        needs.policy = Need({QuerySet::Kind::kWindow, window});
      } else if (method.prefill->scored_by == PrefillPolicy::Queries::kAll) {
        const bool published = method.semantics == Semantics::kPublished;
        needs.policy = Need(published ? QuerySet{QuerySet::Kind::kUnmasked, window} : QuerySet{});
      }
    }
    // Where the prompt's entries are no candidates, what they have received does not matter.
    if (method.AccumulatesAttention() && !method.decode->protects_prefill)
      needs.accumulated = Need(QuerySet{});
    if (method.budgets.head_budget == HeadBudget::kConcentration) {
      needs.spread = Need({QuerySet::Kind::kWindow, window});
    }
    needs_.push_back(needs);
  }
}

size_t PromptScores::Need(const QuerySet& set) {
  const auto found = std::find(sets_.begin(), sets_.end(), set);
  const auto index = static_cast<size_t>(found - sets_.begin());
  if (found == sets_.end()) sets_.push_back(set);
  return index;
}

void PromptScores::Reset(size_t query_heads, size_t segments) {
  query_heads_ = query_heads;
  segments_ = segments;
  data_.assign(sets_.size() * query_heads * segments * stride_, 0.0f);
}

KeyScores PromptScores::Total(size_t sum, size_t query_head) const {
  KeyScores total(prompt_);
  const float* part = &data_[(sum * query_heads_ + query_head) * segments_ * stride_];
  for (size_t s = 0; s < segments_; ++s) AccumulateScores(part + s * stride_, prompt_, total.data());
  return total;
}

KeyScores PromptScores::Combine(size_t sum, size_t head, size_t heads, GroupScore how) const {
  const size_t group = query_heads_ / heads;
  std::vector<KeyScores> scores;
  for (size_t h = head * group; h < (head + 1) * group; ++h) scores.push_back(Total(sum, h));
  std::vector<const float*> rows;
  for (const KeyScores& row : scores) rows.push_back(row.data());
  KeyScores combined(prompt_);
  CombineGroupScores(how, rows, combined);
  return combined;
}

HeadScores PromptScores::Of(size_t method, size_t head, size_t heads) const {
  const Needs& needs = needs_[method];
  const GroupScore how = methods_[method].budgets.group_score;
  HeadScores scores;
  if (needs.accumulated) scores.accumulated = Combine(*needs.accumulated, head, heads, how);
  if (needs.policy) {
    scores.policy =
        needs.policy == needs.accumulated ? scores.accumulated : Combine(*needs.policy, head, heads, how);
  }
  if (needs.spread) {
    scores.spread =
        Spread(needs.spread == needs.policy ? scores.policy : Combine(*needs.spread, head, heads, how));
  }
  if (needs.policy) scores.policy.resize(prompt_ - WindowQueries(methods_[method], prompt_));
  return scores;
}

}  // namespace kvscope
