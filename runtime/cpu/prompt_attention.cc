#include "runtime/cpu/prompt_attention.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "kernels/cpu/attention.h"
#include "runtime/cache/group_scores.h"
#include "runtime/methods/prefill_selection.h"

namespace kvscope {
namespace {

// Runs of queries that are worked on, and whose scores are summed, apart.
constexpr size_t kSegments = 16;

// Heavy hitters are the top 15 % of keys (SCOPE, figure 2).
constexpr double kHeavyHitterShare = 0.15;
// A head whose heavy hitters hold everything still gets a part.
constexpr double kLeastSpread = 0.05;

size_t SegmentQueries(size_t prompt) {
  const size_t even = (prompt + kSegments - 1) / kSegments;
  return (even + kMaxQueries - 1) / kMaxQueries * kMaxQueries;
}

}  // namespace

void PromptAttention::Sums::Reset(size_t heads, size_t segments, size_t prompt) {
  segments_ = segments;
  prompt_ = prompt;
  data_.assign(heads * segments * prompt, 0.0f);
}

void PromptAttention::Sums::Add(size_t head, size_t segment, const float* row, size_t n) {
  AccumulateScores(row, n, At(head, segment));
}

KeyScores PromptAttention::Sums::Of(size_t head) const {
  KeyScores total(prompt_);
  for (size_t s = 0; s < segments_; ++s)
    AccumulateScores(&data_[(head * segments_ + s) * prompt_], prompt_, total.data());
  return total;
}

PromptAttention::PromptAttention(const Method& method, int prompt)
    : method_(method), prompt_(static_cast<size_t>(prompt)) {
  window_ = std::min(prompt_, static_cast<size_t>(ObservationWindow(method)));
  if (Compresses(method, prompt)) {
    const bool published = method.semantics == Semantics::kPublished;
    policy_needs_window_ = method.prefill->scored_by == PrefillPolicy::Queries::kObservationWindow;
    policy_needs_all_ = method.prefill->scored_by == PrefillPolicy::Queries::kAll;
    policy_is_unmasked_ = policy_needs_all_ && published;
  }
  spread_needs_window_ = method.budgets.head_budget == HeadBudget::kConcentration;
  // Where the prompt's entries are no candidates, what they have received does not matter.
  accumulates_ = method.AccumulatesAttention() && !method.decode->protects_prefill;
}

void PromptAttention::Run(Transformer& transformer, std::vector<HeadCache>& caches, const Activations& q,
                          Activations& out) {
  heads_ = transformer.config().heads;
  const size_t segment_queries = SegmentQueries(prompt_);
  const size_t segments = (prompt_ + segment_queries - 1) / segment_queries;
  if (policy_needs_window_ || spread_needs_window_) window_sums_.Reset(heads_, segments, prompt_);
  if ((policy_needs_all_ && !policy_is_unmasked_) || accumulates_) all_sums_.Reset(heads_, segments, prompt_);
  Pass(transformer, caches, q, &out, /*unmasked=*/false);
  if (policy_is_unmasked_) {
    unmasked_sums_.Reset(heads_, segments, prompt_);
    Pass(transformer, caches, q, nullptr, /*unmasked=*/true);
  }
}

void PromptAttention::Pass(Transformer& transformer, std::vector<HeadCache>& caches, const Activations& q,
                           Activations* out, bool unmasked) {
  const ModelConfig& config = transformer.config();
  const size_t segment_queries = SegmentQueries(prompt_);
  const size_t segments = (prompt_ + segment_queries - 1) / segment_queries;
  probabilities_.resize(static_cast<size_t>(transformer.pool().threads()));
  for (AlignedVector<float>& buffer : probabilities_) buffer.resize(kMaxQueries * PaddedSlots(prompt_));

  // The last segments cost most under a causal mask: taken first, they do not leave one thread working at the
  // end.
  transformer.pool().ParallelFor(segments * heads_, [&](size_t item, int thread) {
    const size_t segment = segments - 1 - item / heads_, head = item % heads_;
    HeadCache& cache = caches[head / config.group()];
    AttentionArgs args{};
    args.head_dim = config.head_dim;
    args.scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
    args.kv_type = cache.type();
    args.pages = cache.pages();
    args.probabilities = probabilities_[static_cast<size_t>(thread)].data();
    const size_t end = std::min(prompt_, (segment + 1) * segment_queries);
    for (size_t first = segment * segment_queries; first < end; first += kMaxQueries) {
      args.queries = std::min(kMaxQueries, end - first);
      args.slots = 0;
      for (size_t i = 0; i < args.queries; ++i) {
        const size_t query = first + i;
        args.q[i] = q.row(query) + head * config.head_dim;
        args.out[i] = out == nullptr ? nullptr : out->row(query) + head * config.head_dim;
        args.visible[i] = unmasked && query < prompt_ - window_ ? prompt_ : query + 1;
        args.slots = std::max(args.slots, args.visible[i]);
      }
      Attention(args);
      for (size_t i = 0; i < args.queries; ++i) {
        const float* row = args.probabilities + i * PaddedSlots(args.slots);
        const size_t n = args.visible[i];
        if (unmasked) {
          unmasked_sums_.Add(head, segment, row, n);
          continue;
        }
        if (!all_sums_.empty()) all_sums_.Add(head, segment, row, n);
        if (!window_sums_.empty() && first + i >= prompt_ - window_) window_sums_.Add(head, segment, row, n);
      }
    }
  });
}

KeyScores PromptAttention::PolicyScores(size_t head, size_t heads) const {
  KeyScores scores;
  if (policy_needs_window_) scores = Combine(window_sums_, head, heads);
  if (policy_needs_all_) scores = Combine(policy_is_unmasked_ ? unmasked_sums_ : all_sums_, head, heads);
  if (!scores.empty()) scores.resize(prompt_ - window_);
  return scores;
}

KeyScores PromptAttention::AccumulatedScores(size_t head, size_t heads) const {
  return accumulates_ ? Combine(all_sums_, head, heads) : KeyScores();
}

KeyScores PromptAttention::Combine(const Sums& sums, size_t head, size_t heads) const {
  const size_t group = heads_ / heads;
  std::vector<KeyScores> scores;
  for (size_t h = head * group; h < (head + 1) * group; ++h) scores.push_back(sums.Of(h));
  std::vector<const float*> rows;
  for (const KeyScores& row : scores) rows.push_back(row.data());
  KeyScores combined(prompt_);
  CombineGroupScores(method_.budgets.group_score, rows, combined);
  return combined;
}

double PromptAttention::Spread(size_t head, size_t heads) const {
  KeyScores scores = Combine(window_sums_, head, heads);
  const size_t hitters =
      std::max<size_t>(1, static_cast<size_t>(kHeavyHitterShare * static_cast<double>(prompt_)));
  std::nth_element(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(hitters - 1), scores.end(),
                   std::greater<>());
  const double total = std::accumulate(scores.begin(), scores.end(), 0.0);
  const double held =
      std::accumulate(scores.begin(), scores.begin() + static_cast<std::ptrdiff_t>(hitters), 0.0);
  return std::max(kLeastSpread, 1.0 - held / total);
}

size_t PromptAttention::scratch_bytes() const {
  size_t bytes = window_sums_.bytes() + all_sums_.bytes() + unmasked_sums_.bytes();
  for (const AlignedVector<float>& buffer : probabilities_) bytes += buffer.size() * sizeof(float);
  return bytes;
}

}  // namespace kvscope
