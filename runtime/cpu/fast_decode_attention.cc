#include "runtime/cpu/fast_decode_attention.h"

#include <algorithm>
#include <atomic>
#include <cmath>

namespace kvscope {
namespace {

constexpr size_t kLineFloats = 16;

constexpr size_t WholeLines(size_t floats) { return (floats + kLineFloats - 1) / kLineFloats * kLineFloats; }

size_t Pages(const DecodeTile& tile) { return PaddedSlots(tile.slots) / kPageSlots; }

// Floats of a tile, in whole cache lines: what every tile needs, and what it needs to keep probabilities.
size_t PartFloats(const DecodeTile& tile) {
  return WholeLines(Chunks(tile.slots) * tile.queries * tile.head_dim);
}
size_t WeightFloats(const DecodeTile& tile) { return tile.queries * PaddedSlots(tile.slots); }
size_t ReferenceFloats(const DecodeTile& tile) { return WholeLines(tile.queries * Pages(tile)); }

}  // namespace

void FastDecodeAttention::Run(std::span<DecodeHead> heads, const Done& done) {
  heads_ = heads;
  MakeTiles();
  ListUnits();
  // Each thread reads a contiguous part: memory is faster so than with threads taking turns.
  const auto parts = static_cast<size_t>(pool_.threads());
  pool_.ParallelFor(parts, [&](size_t part, int thread) {
    const size_t end = units_.size() * (part + 1) / parts;
    for (size_t u = units_.size() * part / parts; u < end; ++u) RunUnit(units_[u], done, thread);
  });
}

void FastDecodeAttention::MakeTiles() {
  tiles_.clear();
  work_.clear();
  size_t floats = 0, chunks = 0;
  for (const DecodeHead& head : heads_) {
    const size_t slots = head.cache->size(), first_tile = tiles_.size();
    for (size_t first = 0; first < head.group; first += kMaxQueries) {
      DecodeTile& tile = tiles_.emplace_back();
      tile.queries = std::min(kMaxQueries, head.group - first);
      tile.head_dim = head_dim_;
      for (size_t i = 0; i < tile.queries; ++i) tile.q[i] = head.q + (first + i) * head_dim_;
      tile.scale = 1.0f / std::sqrt(static_cast<float>(head_dim_));
      tile.kv_type = head.cache->type();
      tile.pages = head.cache->pages();
      tile.slots = slots;
      floats += PartFloats(tile);
      if (head.keeps_probabilities) floats += WeightFloats(tile) + ReferenceFloats(tile);
      chunks += Chunks(slots);
    }
    if (head.direction != nullptr) floats += PaddedSlots(slots);
    work_.push_back({first_tile, tiles_.size() - first_tile, static_cast<int>(Chunks(slots)), nullptr});
  }
  if (floats_.size() < floats) floats_.resize(floats);
  if (sums_.size() < chunks) sums_.resize(chunks);
  totals_.resize(tiles_.size());
  float* next = floats_.data();
  SoftmaxSums* next_sums = sums_.data();
  for (size_t h = 0; h < heads_.size(); ++h) {
    for (DecodeTile& tile : std::span(tiles_).subspan(work_[h].first_tile, work_[h].tiles)) {
      tile.parts = next;
      next += PartFloats(tile);
      tile.sums = next_sums;
      next_sums += Chunks(tile.slots);
      if (!heads_[h].keeps_probabilities) continue;
      tile.rows = {.weights = next, .references = next + WeightFloats(tile)};
      next += WeightFloats(tile) + ReferenceFloats(tile);
    }
    if (heads_[h].direction == nullptr) continue;
    work_[h].key_products = next;
    next += PaddedSlots(heads_[h].cache->size());
  }
}

void FastDecodeAttention::ListUnits() {
  const auto first_page = [&](size_t head) { return heads_[head].cache->pages().front(); };
  units_.clear();
  for (size_t begin = 0, end; begin < heads_.size(); begin = end) {
    // Heads that share pages attend to a chunk one after another, while it is in a core's cache.
    size_t chunks = Chunks(heads_[begin].cache->size());
    for (end = begin + 1; end < heads_.size() && first_page(end) == first_page(begin); ++end)
      chunks = std::max(chunks, Chunks(heads_[end].cache->size()));
    for (size_t chunk = 0; chunk < chunks; ++chunk) {
      for (size_t head = begin; head < end; ++head) {
        if (chunk < Chunks(heads_[head].cache->size())) units_.push_back({head, chunk});
      }
    }
  }
}

void FastDecodeAttention::RunUnit(const Unit& unit, const Done& done, int thread) {
  const DecodeHead& head = heads_[unit.head];
  Work& work = work_[unit.head];
  if (static_cast<size_t>(head.new_slot) / (ChunkPages(head.cache->size()) * kPageSlots) == unit.chunk)
    head.cache->Write(head.new_slot, head.key, head.value);
  for (size_t t = 0; t < work.tiles; ++t) AttendChunk(tiles_[work.first_tile + t], unit.chunk);
  if (head.direction != nullptr) {
    MultiplyKeys(head.cache->type(), head_dim_, head.cache->pages(), unit.chunk, head.direction,
                 work.key_products);
  }
  if (std::atomic_ref(work.chunks_left).fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  for (size_t t = 0; t < work.tiles; ++t) {
    const DecodeTile& tile = tiles_[work.first_tile + t];
    float* out[kMaxQueries];
    for (size_t i = 0; i < tile.queries; ++i) out[i] = head.out + (t * kMaxQueries + i) * head_dim_;
    MergeChunks(tile, out, totals_[work.first_tile + t]);
  }
  done(unit.head, thread);
}

void FastDecodeAttention::Probabilities(size_t head, size_t first_query, size_t queries, GroupScore how,
                                        size_t first, float* scores) const {
  const Work& work = work_[head];
  std::vector<QueryWeights> weights;
  weights.reserve(queries);
  for (size_t query = first_query; query < first_query + queries; ++query) {
    const size_t t = work.first_tile + query / kMaxQueries, r = query % kMaxQueries;
    const DecodeTile& tile = tiles_[t];
    weights.push_back({tile.rows.weights + r * PaddedSlots(tile.slots),
                       tile.rows.references + r * Pages(tile), totals_[t].max[r], totals_[t].sum[r]});
  }
  const float share = how == GroupScore::kMean ? 1.0f / static_cast<float>(queries) : 1.0f;
  CombineProbabilities(weights, how == GroupScore::kMax, share, first, heads_[head].cache->size(), scores);
}

size_t FastDecodeAttention::scratch_bytes() const {
  return floats_.size() * sizeof(float) + sums_.size() * sizeof(SoftmaxSums);
}

}  // namespace kvscope
