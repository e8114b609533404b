#include "runtime/cache/eviction.h"

#include <algorithm>
#include <vector>

#include "kernels/select.h"

namespace kvscope {
namespace {

// Candidates' ranks lie in [first, end).
struct Candidates {
  int first;
  int end;
  bool Has(int rank) const { return first <= rank && rank < end; }
};

Candidates CandidatesOf(const HeadCache& cache, const Selection& selection) {
  return {selection.first, cache.next_rank() - selection.recent};
}

// How many there are.
int CountOf(const HeadCache& cache, const Selection& selection) {
  return static_cast<int>(cache.size()) - selection.first - selection.recent;
}

// Evicts all candidates but the `keep` that `stays_before` puts first; it compares two slots.
template <typename StaysBefore>
uint64_t EvictAllBut(HeadCache& cache, const Selection& selection, const StaysBefore& stays_before) {
  const Candidates range = CandidatesOf(cache, selection);
  const int keep = std::max(0, selection.keep);
  if (CountOf(cache, selection) <= keep) return 0;
  std::vector<int> candidates;
  for (size_t slot = 0; slot < cache.slots(); ++slot) {
    if (range.Has(cache.ranks()[slot])) candidates.push_back(static_cast<int>(slot));
  }
  const auto evicted = candidates.begin() + keep;
  std::nth_element(candidates.begin(), evicted, candidates.end(), stays_before);
  const std::span<const int> slots(evicted, candidates.end());
  cache.Evict(slots);
  return slots.size();
}

// The usual step: one candidate more than stays, or none. One pass over the scores, no list.
uint64_t EvictWorst(HeadCache& cache, const Selection& selection, std::span<const float> scores,
                    size_t first_slot) {
  const Candidates range = CandidatesOf(cache, selection);
  const int worst =
      LowestCandidate(scores.subspan(first_slot), cache.ranks().subspan(first_slot), range.first, range.end);
  if (worst < 0 || CountOf(cache, selection) <= selection.keep) return 0;
  const int slot = worst + static_cast<int>(first_slot);
  cache.Evict(std::span(&slot, 1));
  return 1;
}

// Rows as the published code's concatenation leaves them: the first, the candidates in the order of top-k,
// the last.
uint64_t EvictAsPublished(HeadCache& cache, const Selection& selection, std::span<const float> scores) {
  const std::vector<int> rows = cache.RowOrder();
  const auto first = static_cast<size_t>(selection.first);
  const size_t end = rows.size() - static_cast<size_t>(selection.recent);
  std::vector<float> candidate_scores;
  for (size_t row = first; row < end; ++row)
    candidate_scores.push_back(scores[static_cast<size_t>(rows[row])]);
  const int keep = std::clamp(selection.keep, 0, static_cast<int>(candidate_scores.size()));
  std::vector<int> order(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(first));
  std::vector<bool> stays(candidate_scores.size());
  for (int candidate : TopKAsTorch(candidate_scores, keep)) {
    stays[static_cast<size_t>(candidate)] = true;
    order.push_back(rows[first + static_cast<size_t>(candidate)]);
  }
  order.insert(order.end(), rows.begin() + static_cast<std::ptrdiff_t>(end), rows.end());
  std::vector<int> evicted;
  for (size_t i = 0; i < stays.size(); ++i) {
    if (!stays[i]) evicted.push_back(rows[first + i]);
  }
  cache.Rerank(order);
  cache.Evict(evicted);
  return evicted.size();
}

}  // namespace

uint64_t EvictByScore(HeadCache& cache, const Selection& selection, Semantics semantics,
                      std::span<const float> scores, size_t first_slot) {
  if (semantics == Semantics::kPublished) return EvictAsPublished(cache, selection, scores);
  if (CountOf(cache, selection) - 1 <= selection.keep)
    return EvictWorst(cache, selection, scores, first_slot);
  return EvictAllBut(cache, selection, [&](int a, int b) {
    const auto i = static_cast<size_t>(a), j = static_cast<size_t>(b);
    return scores[i] > scores[j] || (scores[i] == scores[j] && cache.ranks()[i] < cache.ranks()[j]);
  });
}

uint64_t EvictByArrival(HeadCache& cache, const Selection& selection) {
  const std::span<const int> ranks = cache.ranks();
  if (CountOf(cache, selection) - 1 == selection.keep) {
    // Candidates that stay only ever come before those that went: the latest is the one that is too many.
    const auto latest = std::find(ranks.begin(), ranks.end(), CandidatesOf(cache, selection).end - 1);
    if (latest != ranks.end()) {
      const int slot = static_cast<int>(latest - ranks.begin());
      cache.Evict(std::span(&slot, 1));
      return 1;
    }
  }
  return EvictAllBut(cache, selection, [&](int a, int b) {
    return ranks[static_cast<size_t>(a)] < ranks[static_cast<size_t>(b)];
  });
}

uint64_t Evict(const Method& method, HeadCache& cache, const Selection& selection,
               std::span<const float> scores, size_t first_slot) {
  if (method.decode->rank == DecodePolicy::Rank::kArrival) return EvictByArrival(cache, selection);
  return EvictByScore(cache, selection, method.semantics, scores, first_slot);
}

}  // namespace kvscope
