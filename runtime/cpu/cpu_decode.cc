#include "runtime/cpu/cpu_decode.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <new>
#include <utility>

#include "kernels/cpu/attention.h"
#include "runtime/cache/eviction.h"
#include "runtime/cache/group_scores.h"
#include "runtime/cpu/stopwatch.h"

namespace kvscope {
namespace {

// Enough to even out the work of rows that hold more than others.
constexpr size_t kTurnsPerThread = 4;

bool JudgesByLayer(const CpuSequence& sequence) {
  return sequence.method.decode->rank == DecodePolicy::Rank::kLayerAttention;
}

}  // namespace

CpuDecode::CpuDecode(Transformer& transformer, BlockActivations& activations)
    : transformer_(transformer),
      activations_(activations),
      probabilities_(static_cast<size_t>(transformer.pool().threads())),
      scores_(static_cast<size_t>(transformer.pool().threads())) {}

void CpuDecode::ListItems() {
  items_.clear();
  first_item_.clear();
  for (size_t row = 0; row < rows_.size(); ++row) {
    first_item_.push_back(items_.size());
    for (size_t head = 0; head < rows_[row]->layers.front().size(); ++head) {
      items_.push_back({.row = row, .head = static_cast<int>(head)});
    }
  }
  first_item_.push_back(items_.size());
}

void CpuDecode::ListTurns() {
  // What layer 0 shares stands for all layers.
  std::map<const std::byte*, std::vector<size_t>> sharers;
  for (size_t row = 0; row < rows_.size(); ++row) {
    sharers[rows_[row]->layers.front().front().pages().front()].push_back(row);
  }
  const size_t turns = kTurnsPerThread * static_cast<size_t>(transformer_.pool().threads());
  const size_t most_items = std::max<size_t>(1, items_.size() / turns);
  turns_.clear();
  for (const auto& [page, rows] : sharers) {
    for (size_t head = 0; head < config().heads; ++head) {
      std::vector<size_t> turn;
      for (size_t row : rows) {
        if (head >= ItemsOf(row).size()) continue;
        if (turn.size() == most_items) turns_.push_back(std::exchange(turn, {}));
        turn.push_back(first_item_[row] + head);
      }
      if (!turn.empty()) turns_.push_back(std::move(turn));
    }
  }
  std::ranges::stable_sort(turns_, std::greater<>(), &std::vector<size_t>::size);
}

std::span<CpuDecode::Item> CpuDecode::ItemsOf(size_t row) {
  return std::span(items_).subspan(first_item_[row], first_item_[row + 1] - first_item_[row]);
}

void CpuDecode::Append(const Item& item, size_t layer) {
  const CpuSequence& sequence = *rows_[item.row];
  const auto head = static_cast<size_t>(item.head);
  const size_t kv_head = head * config().kv_heads / sequence.layers[layer].size();
  CacheOf(item, layer)
      .Append(sequence.position, activations_.k.row(item.row) + kv_head * config().head_dim,
              activations_.v.row(item.row) + kv_head * config().head_dim);
}

void CpuDecode::Attend(std::span<Item* const> items, size_t layer, int thread) {
  const size_t head_dim = config().head_dim;
  AlignedVector<float>& probabilities = probabilities_[static_cast<size_t>(thread)];
  size_t floats = 0;
  for (const Item* item : items) floats += Group(*item) * PaddedSlots(CacheOf(*item, layer).size());
  if (probabilities.size() < floats) probabilities.resize(floats);
  std::vector<AttentionArgs> tiles;
  float* next = probabilities.data();
  for (Item* item : items) {
    const HeadCache& cache = CacheOf(*item, layer);
    const size_t group = Group(*item), stride = PaddedSlots(cache.size());
    item->probabilities = next;
    for (size_t first = 0; first < group; first += kMaxQueries) {
      AttentionArgs& tile = tiles.emplace_back();
      tile.head_dim = head_dim;
      tile.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
      tile.kv_type = cache.type();
      tile.pages = cache.pages();
      tile.slots = cache.size();
      tile.queries = std::min(kMaxQueries, group - first);
      tile.probabilities = next + first * stride;
      for (size_t i = 0; i < tile.queries; ++i) {
        const size_t offset = (static_cast<size_t>(item->head) * group + first + i) * head_dim;
        tile.q[i] = activations_.q.row(item->row) + offset;
        tile.visible[i] = cache.size();
        tile.out[i] = activations_.attention.row(item->row) + offset;
      }
    }
    next += group * stride;
  }
  Attention(tiles);
}

void CpuDecode::Select(Item& item, size_t layer, int thread) {
  CpuSequence& sequence = *rows_[item.row];
  const Method& method = sequence.method;
  if (!item.selection.due && !method.AccumulatesAttention()) return;
  const Stopwatch watch;
  HeadCache& cache = CacheOf(item, layer);
  const bool by_layer = JudgesByLayer(sequence);
  std::vector<float>& scores = by_layer ? item.layer_scores : scores_[static_cast<size_t>(thread)];
  scores.resize(cache.size());
  std::vector<const float*> group_rows;
  for (size_t i = 0; i < Group(item); ++i) {
    group_rows.push_back(item.probabilities + i * PaddedSlots(cache.size()));
  }
  CombineGroupScores(method.budgets.group_score, group_rows, scores);
  if (!by_layer) {
    ScoreEntries(method, {static_cast<int>(layer), item.head}, cache, scores);
    if (item.selection.due) item.evicted = Evict(method, cache, item.selection, scores);
  }
  item.select_s = watch.seconds();
}

void CpuDecode::RunTurn(std::span<const size_t> turn, size_t layer, int thread) {
  std::vector<Item*> items;
  for (size_t i : turn) {
    Item& item = items_[i];
    if (!rows_[item.row]->failure.ok()) continue;
    try {
      Append(item, layer);
      items.push_back(&item);
    } catch (const std::bad_alloc&) {
      item.failed = true;
    }
  }
  Attend(items, layer, thread);
  for (Item* item : items) {
    if (probe_ != nullptr) Show(*item, layer);
    try {
      Select(*item, layer, thread);
    } catch (const std::bad_alloc&) {
      item->failed = true;
    }
  }
}

void CpuDecode::Show(const Item& item, size_t layer) {
  const HeadCache& cache = CacheOf(item, layer);
  std::vector<int> positions;
  for (const HeadCache::Slot& slot : cache.slots()) positions.push_back(slot.position);
  std::lock_guard lock(probe_mutex_);
  for (size_t i = 0; i < Group(item); ++i) {
    const size_t query_head = static_cast<size_t>(item.head) * Group(item) + i;
    probe_->OnAttention({.row = item.row,
                         .layer = static_cast<int>(layer),
                         .query_head = static_cast<int>(query_head),
                         .step = rows_[item.row]->step,
                         .positions = positions,
                         .probabilities = {item.probabilities + i * PaddedSlots(cache.size()), cache.size()},
                         .output = {activations_.attention.row(item.row) + query_head * config().head_dim,
                                    config().head_dim}});
  }
}

void CpuDecode::EvictLayer(size_t row, size_t layer) {
  const std::span<Item> items = ItemsOf(row);
  if (std::ranges::none_of(items, [](const Item& item) { return item.selection.due; })) return;
  const Stopwatch watch;
  CpuSequence& sequence = *rows_[row];
  std::vector<HeadCache>& caches = sequence.layers[layer];
  std::vector<std::vector<float>> scores;
  for (Item& item : items) scores.push_back(std::move(item.layer_scores));
  ShareLayerAttention(caches, scores);
  for (size_t head = 0; head < caches.size(); ++head) {
    if (!items[head].selection.due) continue;
    sequence.use.evictions += Evict(sequence.method, caches[head], items[head].selection, scores[head]);
  }
  sequence.phases.select_s += watch.seconds();
}

void CpuDecode::RunLayer(size_t layer) {
  for (Item& item : items_) {
    item.evicted = 0;
    item.select_s = 0;
    CpuSequence& sequence = *rows_[item.row];
    if (!sequence.failure.ok()) continue;
    const size_t length = sequence.cache(layer, static_cast<size_t>(item.head)).size() + 1;
    sequence.AccountAttended(layer, length);
    item.selection =
        sequence.schedule->Next(static_cast<int>(layer), item.head, sequence.step, static_cast<int>(length));
  }
  transformer_.pool().ParallelFor(turns_.size(),
                                  [&](size_t turn, int thread) { RunTurn(turns_[turn], layer, thread); });
  // Heads are worked on side by side: of the time that they take together, a row spends its share.
  const double side_by_side =
      static_cast<double>(std::min(items_.size(), static_cast<size_t>(transformer_.pool().threads())));
  for (const Item& item : items_) {
    CpuSequence& sequence = *rows_[item.row];
    sequence.use.evictions += item.evicted;
    sequence.phases.select_s += item.select_s / side_by_side;
    if (item.failed) sequence.failure = absl::ResourceExhaustedError("out of memory while decoding");
  }
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (JudgesByLayer(*rows_[row]) && rows_[row]->failure.ok()) EvictLayer(row, layer);
  }
}

void CpuDecode::Step(std::span<CpuSequence* const> rows, std::span<const int> tokens,
                     std::span<float> logits) {
  const Stopwatch watch;
  rows_ = rows;
  ListItems();
  ListTurns();
  std::vector<int> positions;
  for (const CpuSequence* row : rows) positions.push_back(row->position);
  transformer_.rope().Reserve(static_cast<size_t>(*std::max_element(positions.begin(), positions.end())) + 1);
  activations_.Resize(rows.size());
  auto& [x, q, k, v, attention] = activations_;
  transformer_.Embed(tokens, x);
  for (size_t layer = 0; layer < config().layers; ++layer) {
    transformer_.Project(Pass::kDecode, layer, x, 0, positions, q, k, v);
    RunLayer(layer);
    transformer_.Finish(Pass::kDecode, layer, attention, 0, rows.size(), x);
  }
  transformer_.Logits(x, 0, rows.size(), logits.data());
  const double step_s = watch.seconds();
  for (CpuSequence* row : rows) {
    if (row->failure.ok()) row->EndStep(step_s);
  }
}

size_t CpuDecode::scratch_bytes() const {
  size_t bytes = 0;
  for (const AlignedVector<float>& buffer : probabilities_) bytes += buffer.size() * sizeof(float);
  for (const std::vector<float>& buffer : scores_) bytes += buffer.size() * sizeof(float);
  return bytes;
}

}  // namespace kvscope
