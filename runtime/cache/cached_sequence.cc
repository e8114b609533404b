#include "runtime/cache/cached_sequence.h"

#include <algorithm>

#include "fmt/format.h"

namespace kvscope {

std::vector<int> CachedSequence::Rows(int layer, int head) const {
  const HeadCache& cache = layers[static_cast<size_t>(layer)][static_cast<size_t>(head)];
  std::vector<int> positions;
  for (int slot : cache.RowOrder()) positions.push_back(cache.positions()[static_cast<size_t>(slot)]);
  return positions;
}

int CachedSequence::Limit(int layer, int head) const {
  const int limit = schedule->Limit(layer, head, std::max(0, step - 1));
  return limit == DecodeSchedule::kUnlimited ? -1 : limit;
}

void CachedSequence::BeginDecoding(PublishedCounters* counters, int prompt_tokens) {
  if (counters == nullptr) {
    own_counters_ = std::make_unique<PublishedCounters>();
    counters = own_counters_.get();
  }
  std::vector<int> kept;
  for (const std::vector<HeadCache>& heads : layers) kept.push_back(static_cast<int>(heads.front().size()));
  prompt_entries.assign(kept.begin(), kept.end());
  use.tokens_by_layer = kept;
  use.peak_bytes = use.end_bytes = BytesInUse();
  use.requested_tokens.assign(layers.size(), -1);
  schedule = std::make_unique<DecodeSchedule>(method, prompt_tokens, std::move(kept), layers.front().size(),
                                              spread, counters);
  position = prompt_tokens;
}

size_t CachedSequence::BytesInUse() const {
  size_t bytes = 0;
  for (const std::vector<HeadCache>& heads : layers) {
    for (const HeadCache& cache : heads) bytes += cache.size() * SlotBytes(cache.type(), cache.head_dim());
  }
  return bytes;
}

void CachedSequence::AccountAttended(size_t layer, size_t length) {
  const HeadCache& any = layers[layer].front();
  step_bytes_ += length * SlotBytes(any.type(), any.head_dim());
  use.tokens_by_layer[layer] = std::max(use.tokens_by_layer[layer], static_cast<int>(length));
}

void CachedSequence::EndStep(double step_s) {
  use.peak_bytes = std::max(use.peak_bytes, step_bytes_);
  attended_bytes_sum_ += step_bytes_;
  use.decode_mean_bytes = static_cast<double>(attended_bytes_sum_) / (step + 1);
  step_bytes_ = 0;
  use.end_bytes = BytesInUse();
  phases.decode_s += step_s;
  phases.step_s.push_back(step_s);

  size_t allocated = 0, entries = 0;
  use.moved_rows = 0;
  for (size_t l = 0; l < layers.size(); ++l) {
    for (size_t h = 0; h < layers[l].size(); ++h) {
      const HeadCache& cache = layers[l][h];
      allocated += cache.allocated_bytes();
      entries += cache.slots();
      use.moved_rows += cache.moved_rows();
      const int limit = schedule->Limit(static_cast<int>(l), static_cast<int>(h), step);
      if (limit == DecodeSchedule::kUnlimited) continue;
      use.requested_tokens[l] = std::max(use.requested_tokens[l], limit);
      if (static_cast<int>(cache.size()) > limit) {
        failure = absl::InternalError(fmt::format(
            "{}: layer {}, head {}, step {}: budget exceeded: expected at most {} tokens, found {}",
            method.Name(), l, h, step, limit, cache.size()));
        return;
      }
    }
  }
  use.allocated_bytes = std::max(use.allocated_bytes, allocated);
  if (method.AccumulatesAttention()) use.score_bytes = std::max(use.score_bytes, entries * sizeof(float));
  ++step;
  ++position;
}

}  // namespace kvscope
