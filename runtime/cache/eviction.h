// Carries out a Selection on one head's cache: which candidates go, by what the policy ranks entries by.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/cache/head_cache.h"
#include "runtime/methods/decode_schedule.h"

namespace kvscope {

// Evicts from `cache` all candidates but the `selection.keep` best. `scores`: [cache.size()], by slot; higher
// stays. Of equal scores the entry that arrived earlier stays in clean semantics; in published ones
// torch.topk decides, and the rows are put in its order. Slots before `first_slot` hold no candidates; their
// scores are not looked at. Returns the number evicted. REQUIRES: no holes, selection.due.
uint64_t EvictByScore(HeadCache& cache, const Selection& selection, Semantics semantics,
                      std::span<const float> scores, size_t first_slot = 0);

// The same with the order of arrival for a score: the earliest candidates stay.
uint64_t EvictByArrival(HeadCache& cache, const Selection& selection);

// Of the two, the one that the method asks for.
uint64_t Evict(const Method& method, HeadCache& cache, const Selection& selection,
               std::span<const float> scores, size_t first_slot = 0);

}  // namespace kvscope
