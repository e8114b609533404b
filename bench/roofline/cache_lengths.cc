#include "bench/roofline/cache_lengths.h"

#include <algorithm>
#include <numeric>
#include <vector>

#include "results/base/status_macros.h"
#include "runtime/methods/decode_schedule.h"
#include "runtime/methods/prefill_selection.h"

namespace kvscope::roofline {

absl::StatusOr<CacheLengths> PlayMethod(const Method& method, size_t layers, size_t prompt,
                                        size_t new_tokens) {
  constexpr size_t kMostTokens = size_t{1} << 24;
  if (prompt == 0 || new_tokens == 0 || prompt > kMostTokens || new_tokens > kMostTokens) {
    return absl::InvalidArgumentError("prompt and new tokens: expected 1 to 2^24 of each");
  }
  const int p = static_cast<int>(prompt), layer_count = static_cast<int>(layers);
  const std::vector<float> any_scores(static_cast<size_t>(std::max(0, p - ObservationWindow(method))));
  std::vector<int> lengths;
  for (int layer = 0; layer < layer_count; ++layer) {
    ASSIGN_OR_RETURN(const std::vector<int> kept, SelectPrefill(method, {layer, layer_count}, p, any_scores));
    lengths.push_back(static_cast<int>(kept.size()));
  }
  PublishedCounters counters;
  DecodeSchedule schedule(method, p, lengths, /*heads=*/1, {}, &counters);
  CacheLengths result;
  result.peak_entries = static_cast<size_t>(std::reduce(lengths.begin(), lengths.end()));
  double attended = 0;
  for (size_t step = 0; step < new_tokens; ++step) {
    size_t entries = 0;
    for (int layer = 0; layer < layer_count; ++layer) {
      int& length = lengths[static_cast<size_t>(layer)];
      entries += static_cast<size_t>(++length);
      const Selection selection = schedule.Next(layer, 0, static_cast<int>(step), length);
      if (!selection.due) continue;
      const int candidates = std::max(0, length - selection.first - selection.recent);
      length -= candidates - std::clamp(selection.keep, 0, candidates);
    }
    attended += static_cast<double>(entries);
    result.peak_entries = std::max(result.peak_entries, entries);
  }
  result.mean_attended = attended / static_cast<double>(new_tokens * layers);
  return result;
}

}  // namespace kvscope::roofline
