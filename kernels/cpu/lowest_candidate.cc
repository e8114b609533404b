#include <algorithm>
#include <limits>

#include "kernels/select.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/lowest_candidate.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

// What has been found so far; of equal scores the higher rank goes before.
struct Lowest {
  float score = std::numeric_limits<float>::infinity();
  int rank = -1;
  int slot = -1;
};

// Ranks lie far from the scores, which have just been made: they are read only where a score is low enough.
int LowestCandidateImpl(std::span<const float> scores, std::span<const int> ranks, int first_rank,
                        int end_rank) {
  const F d;
  const hn::Rebind<int32_t, F> di;
  const auto first = hn::Set(di, first_rank), end = hn::Set(di, end_rank), none = hn::Set(di, -1);
  const V infinity = hn::Set(d, std::numeric_limits<float>::infinity());
  Lowest lowest;
  V bound = infinity;  // lowest.score in all lanes
  size_t s = 0;
  for (; s + kLanes <= scores.size(); s += kLanes) {
    const V score = hn::LoadU(d, &scores[s]);
    const auto low = hn::Le(score, bound);
    if (hn::AllFalse(d, low)) continue;
    const auto rank = hn::LoadU(di, &ranks[s]);
    const auto candidate =
        hn::And(hn::RebindMask(d, hn::AndNot(hn::Lt(rank, first), hn::Lt(rank, end))), low);
    if (hn::AllFalse(d, candidate)) continue;
    const V least = hn::MinOfLanes(d, hn::IfThenElse(candidate, score, infinity));
    const auto is_least = hn::RebindMask(di, hn::And(candidate, hn::Eq(score, least)));
    const auto highest = hn::MaxOfLanes(di, hn::IfThenElse(is_least, rank, none));
    if (hn::GetLane(least) == lowest.score && hn::GetLane(highest) < lowest.rank) continue;
    const auto at = hn::And(is_least, hn::Eq(rank, highest));
    lowest = {hn::GetLane(least), hn::GetLane(highest),
              static_cast<int>(s) + static_cast<int>(hn::FindFirstTrue(di, at))};
    bound = least;
  }
  for (; s < scores.size(); ++s) {
    if (ranks[s] < first_rank || ranks[s] >= end_rank) continue;
    if (scores[s] < lowest.score || (scores[s] == lowest.score && ranks[s] > lowest.rank))
      lowest = {scores[s], ranks[s], static_cast<int>(s)};
  }
  return lowest.slot;
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {
HWY_EXPORT(LowestCandidateImpl);
}  // namespace

int LowestCandidate(std::span<const float> scores, std::span<const int> ranks, int first_rank, int end_rank) {
  return HWY_DYNAMIC_DISPATCH(LowestCandidateImpl)(scores, ranks, first_rank, end_rank);
}

}  // namespace kvscope
#endif  // HWY_ONCE
