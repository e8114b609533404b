#include "runtime/cpu/exact_decode_attention.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "kernels/cpu/fast_decode.h"
#include "runtime/cache/group_scores.h"

namespace kvscope {
namespace {

// Enough to even out the work of heads that hold more than others.
constexpr size_t kTurnsPerThread = 4;

}  // namespace

ExactDecodeAttention::ExactDecodeAttention(size_t head_dim, ThreadPool& pool)
    : head_dim_(head_dim),
      pool_(pool),
      buffers_(static_cast<size_t>(pool.threads())),
      tiles_(static_cast<size_t>(pool.threads())) {}

void ExactDecodeAttention::Run(std::span<DecodeHead> heads, const Done& done) {
  heads_ = heads;
  probabilities_.resize(heads.size());
  key_products_.resize(heads.size());
  ListTurns();
  pool_.ParallelFor(turns_.size(), [&](size_t i, int thread) {
    const Turn& turn = turns_[i];
    Attend(turn, thread);
    for (size_t head = turn.first; head < turn.first + turn.count; ++head) done(head, thread);
  });
}

void ExactDecodeAttention::ListTurns() {
  const size_t turns = kTurnsPerThread * static_cast<size_t>(pool_.threads());
  const size_t most = std::max<size_t>(1, heads_.size() / turns);
  const auto first_page = [&](size_t head) { return heads_[head].cache->pages().front(); };
  turns_.clear();
  for (size_t head = 0; head < heads_.size(); ++head) {
    const bool shares = head > 0 && first_page(head) == first_page(head - 1);
    if (shares && turns_.back().count < most) {
      ++turns_.back().count;
    } else {
      turns_.push_back({head, 1});
    }
  }
  std::ranges::stable_sort(turns_, std::greater<>(), &Turn::count);
}

void ExactDecodeAttention::Attend(const Turn& turn, int thread) {
  const std::span<DecodeHead> heads = heads_.subspan(turn.first, turn.count);
  AlignedVector<float>& buffer = buffers_[static_cast<size_t>(thread)];
  std::vector<AttentionArgs>& tiles = tiles_[static_cast<size_t>(thread)];
  size_t floats = 0;
  for (const DecodeHead& head : heads)
    floats += (head.group + (head.direction != nullptr ? 1 : 0)) * PaddedSlots(head.cache->size());
  if (buffer.size() < floats) buffer.resize(floats);
  tiles.clear();
  float* next = buffer.data();
  for (size_t h = 0; h < heads.size(); ++h) {
    const DecodeHead& head = heads[h];
    head.cache->Write(head.new_slot, head.key, head.value);
    const size_t slots = head.cache->size();
    probabilities_[turn.first + h] = next;
    for (size_t first = 0; first < head.group; first += kMaxQueries) {
      AttentionArgs& tile = tiles.emplace_back();
      tile.head_dim = head_dim_;
      tile.scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
      tile.kv_type = head.cache->type();
      tile.pages = head.cache->pages();
      tile.slots = slots;
      tile.queries = std::min(kMaxQueries, head.group - first);
      tile.probabilities = next + first * PaddedSlots(slots);
      for (size_t i = 0; i < tile.queries; ++i) {
        const size_t offset = (first + i) * head_dim_;
        tile.q[i] = head.q + offset;
        tile.visible[i] = slots;
        tile.out[i] = head.out + offset;
      }
    }
    next += head.group * PaddedSlots(slots);
    if (head.direction == nullptr) continue;
    for (size_t chunk = 0; chunk < Chunks(slots); ++chunk)
      MultiplyKeys(head.cache->type(), head_dim_, head.cache->pages(), chunk, head.direction, next);
    key_products_[turn.first + h] = next;
    next += PaddedSlots(slots);
  }
  Attention(tiles);
}

void ExactDecodeAttention::Probabilities(size_t head, size_t first_query, size_t queries, GroupScore how,
                                         size_t, float* scores) const {
  const size_t slots = heads_[head].cache->size();
  std::vector<const float*> rows;
  for (size_t query = first_query; query < first_query + queries; ++query)
    rows.push_back(probabilities_[head] + query * PaddedSlots(slots));
  CombineGroupScores(how, rows, std::span(scores, slots));
}

size_t ExactDecodeAttention::scratch_bytes() const {
  size_t bytes = 0;
  for (const AlignedVector<float>& buffer : buffers_) bytes += buffer.size() * sizeof(float);
  return bytes;
}

}  // namespace kvscope
