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

// The better of two candidates for eviction, and where it is.
struct Candidate {
  float score = std::numeric_limits<float>::infinity();
  int rank = -1;
  int slot = -1;

  bool GoesBefore(const Candidate& other) const {
    return score < other.score || (score == other.score && rank > other.rank);
  }
};

int LowestCandidateImpl(std::span<const float> scores, std::span<const int> ranks, int first_rank,
                        int end_rank) {
  const F d;
  const hn::Rebind<int32_t, F> di;
  using VI = hn::Vec<decltype(di)>;
  const Candidate none;
  V best = hn::Set(d, none.score);
  VI best_rank = hn::Set(di, none.rank), best_slot = hn::Set(di, none.slot);
  VI slot = hn::Iota(di, 0);
  const VI first = hn::Set(di, first_rank), end = hn::Set(di, end_rank),
           step = hn::Set(di, static_cast<int>(kLanes));
  size_t s = 0;
  for (; s + kLanes <= scores.size(); s += kLanes) {
    const V score = hn::LoadU(d, &scores[s]);
    const VI rank = hn::LoadU(di, &ranks[s]);
    const auto candidate = hn::AndNot(hn::Lt(rank, first), hn::Lt(rank, end));
    const auto lower =
        hn::Or(hn::Lt(score, best), hn::And(hn::Eq(score, best), hn::RebindMask(d, hn::Gt(rank, best_rank))));
    const auto better = hn::And(lower, hn::RebindMask(d, candidate));
    const auto better_int = hn::RebindMask(di, better);
    best = hn::IfThenElse(better, score, best);
    best_rank = hn::IfThenElse(better_int, rank, best_rank);
    best_slot = hn::IfThenElse(better_int, slot, best_slot);
    slot = hn::Add(slot, step);
  }
  float lane_score[kLanes];
  int lane_rank[kLanes], lane_slot[kLanes];
  hn::StoreU(best, d, lane_score);
  hn::StoreU(best_rank, di, lane_rank);
  hn::StoreU(best_slot, di, lane_slot);
  Candidate lowest;
  const auto consider = [&](const Candidate& candidate) {
    if (candidate.GoesBefore(lowest)) lowest = candidate;
  };
  for (size_t i = 0; i < kLanes; ++i) consider({lane_score[i], lane_rank[i], lane_slot[i]});
  for (; s < scores.size(); ++s) {
    if (ranks[s] >= first_rank && ranks[s] < end_rank) consider({scores[s], ranks[s], static_cast<int>(s)});
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
