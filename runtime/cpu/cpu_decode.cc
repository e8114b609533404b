#include "runtime/cpu/cpu_decode.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "kernels/cpu/attention.h"
#include "runtime/cache/eviction.h"
#include "runtime/cache/group_scores.h"
#include "runtime/cpu/stopwatch.h"

namespace kvscope {
namespace {

bool JudgesByLayer(const CpuSequence& sequence) {
  return sequence.method.decode->rank == DecodePolicy::Rank::kLayerAttention;
}

uint64_t Evict(const Method& method, HeadCache& cache, const Selection& selection,
               std::span<const float> scores) {
  if (method.decode->rank == DecodePolicy::Rank::kArrival) return EvictByArrival(cache, selection);
  return EvictByScore(cache, selection, method.semantics, scores);
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

std::span<CpuDecode::Item> CpuDecode::ItemsOf(size_t row) {
  return std::span(items_).subspan(first_item_[row], first_item_[row + 1] - first_item_[row]);
}

void CpuDecode::Attend(const HeadCache& cache, size_t row, size_t head, size_t group, float* probabilities) {
  const size_t head_dim = config().head_dim;
  AttentionArgs args{};
  args.head_dim = head_dim;
  args.scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
  args.kv_type = cache.type();
  args.pages = cache.pages();
  args.slots = cache.size();
  for (size_t first = 0; first < group; first += kMaxQueries) {
    args.queries = std::min(kMaxQueries, group - first);
    args.probabilities = probabilities + first * PaddedSlots(cache.size());
    for (size_t i = 0; i < args.queries; ++i) {
      const size_t offset = (head * group + first + i) * head_dim;
      args.q[i] = activations_.q.row(row) + offset;
      args.visible[i] = cache.size();
      args.out[i] = activations_.attention.row(row) + offset;
    }
    Attention(args);
  }
}

void CpuDecode::RunItem(Item& item, size_t layer, int thread) {
  CpuSequence& sequence = *rows_[item.row];
  const Method& method = sequence.method;
  const auto head = static_cast<size_t>(item.head);
  const HeadIndex index{static_cast<int>(layer), item.head};
  const size_t heads = sequence.layers[layer].size(), group = config().heads / heads;
  const size_t kv_offset = head * config().kv_heads / heads * config().head_dim;
  HeadCache& cache = sequence.cache(layer, head);
  cache.Append(sequence.position, activations_.k.row(item.row) + kv_offset,
               activations_.v.row(item.row) + kv_offset);

  const size_t stride = PaddedSlots(cache.size());
  AlignedVector<float>& probabilities = probabilities_[static_cast<size_t>(thread)];
  if (probabilities.size() < group * stride) probabilities.resize(group * stride);
  Attend(cache, item.row, head, group, probabilities.data());
  if (probe_ != nullptr) Show(sequence, item.row, index, group, probabilities.data());
  if (!item.selection.due && !method.AccumulatesAttention()) return;

  const Stopwatch watch;
  const bool by_layer = JudgesByLayer(sequence);
  std::vector<float>& scores = by_layer ? item.layer_scores : scores_[static_cast<size_t>(thread)];
  scores.resize(cache.size());
  std::vector<const float*> group_rows;
  for (size_t i = 0; i < group; ++i) group_rows.push_back(probabilities.data() + i * stride);
  CombineGroupScores(method.budgets.group_score, group_rows, scores);
  if (!by_layer) {
    ScoreEntries(method, index, cache, scores);
    if (item.selection.due) item.evicted = Evict(method, cache, item.selection, scores);
  }
  item.select_s = watch.seconds();
}

void CpuDecode::Show(const CpuSequence& sequence, size_t row, HeadIndex index, size_t group,
                     const float* probabilities) {
  const HeadCache& cache = sequence.layers[static_cast<size_t>(index.layer)][static_cast<size_t>(index.head)];
  std::vector<int> positions;
  for (const HeadCache::Slot& slot : cache.slots()) positions.push_back(slot.position);
  std::lock_guard lock(probe_mutex_);
  for (size_t i = 0; i < group; ++i) {
    const size_t query_head = static_cast<size_t>(index.head) * group + i;
    probe_->OnAttention(
        {.row = row,
         .layer = index.layer,
         .query_head = static_cast<int>(query_head),
         .step = sequence.step,
         .positions = positions,
         .probabilities = {probabilities + i * PaddedSlots(cache.size()), cache.size()},
         .output = {activations_.attention.row(row) + query_head * config().head_dim, config().head_dim}});
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
  transformer_.pool().ParallelFor(items_.size(), [&](size_t i, int thread) {
    if (!rows_[items_[i].row]->failure.ok()) return;
    try {
      RunItem(items_[i], layer, thread);
    } catch (const std::bad_alloc&) {
      items_[i].failed = true;
    }
  });
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
  std::vector<int> positions;
  for (const CpuSequence* row : rows) positions.push_back(row->position);
  transformer_.rope().Reserve(static_cast<size_t>(*std::max_element(positions.begin(), positions.end())) + 1);
  activations_.Resize(rows.size());
  auto& [x, q, k, v, attention] = activations_;
  transformer_.Embed(tokens, x);
  for (size_t layer = 0; layer < config().layers; ++layer) {
    transformer_.Project(layer, x, 0, positions, q, k, v);
    RunLayer(layer);
    transformer_.Finish(layer, attention, 0, rows.size(), x);
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
