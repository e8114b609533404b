#include "runtime/cpu/cpu_decode.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <numeric>
#include <utility>

#include "kernels/cpu/attention.h"
#include "runtime/cache/eviction.h"
#include "runtime/cpu/stopwatch.h"

namespace kvscope {
namespace {

bool JudgesByLayer(const CachedSequence& sequence) {
  return sequence.method.decode->rank == DecodePolicy::Rank::kLayerAttention;
}

// Where the prompt's entries are no candidates they stay in the first slots, and what they receive matters
// only to policies that compare with it.
size_t FirstScored(const CachedSequence& sequence, size_t layer) {
  const Method& method = sequence.method;
  const bool protects = method.semantics == Semantics::kClean && method.decode->protects_prefill;
  return protects && method.decode->rank != DecodePolicy::Rank::kNovelty ? sequence.prompt_entries[layer] : 0;
}

// The direction of the sum of all keys' directions and that of `key`, which comes next.
std::vector<float> MeanDirection(const KeyDirections& directions, std::span<const float> key) {
  const double squares = std::inner_product(key.begin(), key.end(), key.begin(), 0.0);
  const double inverse = squares > 0 ? 1 / std::sqrt(squares) : 0;
  std::vector<double> sum(directions.sum().begin(), directions.sum().end());
  for (size_t d = 0; d < key.size(); ++d) sum[d] += key[d] * inverse;
  const double length = std::sqrt(std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0));
  std::vector<float> direction(key.size());
  if (length > 0) std::ranges::transform(sum, direction.begin(), [&](double x) { return x / length; });
  return direction;
}

// LikenessToMeanKey, of the keys' products with the mean's direction.
std::vector<float> Likeness(const float* products, const HeadCache& cache) {
  const std::span<const float> inverse_lengths = cache.directions()->inverse_lengths();
  std::vector<float> likeness(cache.size());
  for (size_t slot = 0; slot < likeness.size(); ++slot)
    likeness[slot] = products[slot] * inverse_lengths[slot];
  return likeness;
}

// Begins to bring in what has not been touched since the last step.
void Fetch(std::span<const float> values) {
  constexpr size_t kLineFloats = 16;
  for (size_t i = 0; i < values.size(); i += kLineFloats) __builtin_prefetch(&values[i]);
}

}  // namespace

CpuDecode::CpuDecode(Transformer& transformer, BlockActivations& activations)
    : transformer_(transformer),
      activations_(activations),
      attention_(
          MakeDecodeAttention(transformer.precision(), transformer.config().head_dim, transformer.pool())),
      scores_(static_cast<size_t>(transformer.pool().threads())) {}

void CpuDecode::ListItems() {
  // What layer 0 shares stands for all layers.
  std::vector<std::pair<const std::byte*, size_t>> rows;
  for (size_t row = 0; row < rows_.size(); ++row)
    rows.emplace_back(rows_[row]->layers.front().front().pages().front(), row);
  std::ranges::sort(rows);
  items_.clear();
  for (auto begin = rows.begin(); begin != rows.end();) {
    const auto end =
        std::find_if(begin, rows.end(), [&](const auto& row) { return row.first != begin->first; });
    for (size_t head = 0; head < config().heads; ++head) {
      for (auto row = begin; row != end; ++row) {
        if (head < rows_[row->second]->layers.front().size())
          items_.push_back({.row = row->second, .head = static_cast<int>(head)});
      }
    }
    begin = end;
  }
}

void CpuDecode::Prepare(Item& item, size_t layer) {
  item.evicted = 0;
  item.select_s = 0;
  CachedSequence& sequence = *rows_[item.row];
  if (!sequence.failure.ok()) return;
  HeadCache& cache = CacheOf(item, layer);
  const size_t length = cache.size() + 1;
  sequence.AccountAttended(layer, length);
  item.selection =
      sequence.schedule->Next(static_cast<int>(layer), item.head, sequence.step, static_cast<int>(length));
  const auto head = static_cast<size_t>(item.head);
  const size_t kv_head = head * config().kv_heads / sequence.layers[layer].size();
  const size_t head_dim = config().head_dim, group = Group(item);
  const Method& method = sequence.method;
  const bool scored =
      (item.selection.due && LooksAtAttention(method.decode->rank)) || method.AccumulatesAttention();
  const float* const key = activations_.k.row(item.row) + kv_head * head_dim;
  const bool compares_keys = item.selection.due && LooksAtKeys(method.decode->rank);
  try {
    if (compares_keys) {
      if (cache.directions() == nullptr) cache.TrackDirections();
      item.direction = MeanDirection(*cache.directions(), {key, head_dim});
    }
    heads_.push_back({.cache = &cache,
                      .new_slot = cache.Reserve(sequence.position),
                      .key = key,
                      .value = activations_.v.row(item.row) + kv_head * head_dim,
                      .group = group,
                      .q = activations_.q.row(item.row) + head * group * head_dim,
                      .out = activations_.attention.row(item.row) + head * group * head_dim,
                      .keeps_probabilities = scored || probe_ != nullptr,
                      .direction = compares_keys ? item.direction.data() : nullptr});
    head_items_.push_back(&item);
  } catch (const std::bad_alloc&) {
    item.failed = true;
  }
}

void CpuDecode::Select(size_t head, size_t layer, int thread) {
  Item& item = *head_items_[head];
  CachedSequence& sequence = *rows_[item.row];
  const Method& method = sequence.method;
  if (!item.selection.due && !method.AccumulatesAttention()) return;
  const Stopwatch watch;
  HeadCache& cache = CacheOf(item, layer);
  const bool by_layer = JudgesByLayer(sequence);
  AlignedVector<float>& buffer = by_layer ? item.layer_scores : scores_[static_cast<size_t>(thread)];
  const size_t padded = PaddedSlots(cache.size()), first = FirstScored(sequence, layer);
  if (buffer.size() < padded) buffer.resize(padded);
  if (method.AccumulatesAttention()) Fetch(cache.accumulated().subspan(first));
  if (LooksAtAttention(method.decode->rank))
    attention_->Probabilities(head, 0, Group(item), method.budgets.group_score, first, buffer.data());
  if (!by_layer) {
    const std::span<float> scores = std::span(buffer).first(cache.size());
    std::vector<float> likeness;
    if (heads_[head].direction != nullptr) likeness = Likeness(attention_->KeyProducts(head), cache);
    ScoreEntries(method, {static_cast<int>(layer), item.head}, cache, first, scores, likeness);
    if (item.selection.due) item.evicted = Evict(method, cache, item.selection, scores, first);
  }
  item.select_s = watch.seconds();
}

void CpuDecode::Show(size_t head, size_t layer) {
  const Item& item = *head_items_[head];
  const HeadCache& cache = CacheOf(item, layer);
  std::lock_guard lock(probe_mutex_);
  AlignedVector<float> probabilities(PaddedSlots(cache.size()));
  for (size_t i = 0; i < Group(item); ++i) {
    attention_->Probabilities(head, i, 1, GroupScore::kSum, 0, probabilities.data());
    probe_->OnAttention({.row = item.row,
                         .layer = static_cast<int>(layer),
                         .query_head = item.head * static_cast<int>(Group(item)) + static_cast<int>(i),
                         .step = rows_[item.row]->step,
                         .positions = cache.positions(),
                         .probabilities = std::span(probabilities).first(cache.size()),
                         .output = {heads_[head].out + i * config().head_dim, config().head_dim}});
  }
}

void CpuDecode::EvictLayer(size_t row, size_t layer) {
  CachedSequence& sequence = *rows_[row];
  std::vector<HeadCache>& caches = sequence.layers[layer];
  std::vector<Item*> items(caches.size());
  for (Item& item : items_) {
    if (item.row == row) items[static_cast<size_t>(item.head)] = &item;
  }
  if (std::ranges::none_of(items, [](const Item* item) { return item->selection.due; })) return;
  const Stopwatch watch;
  std::vector<std::span<float>> scores;
  for (size_t head = 0; head < caches.size(); ++head)
    scores.push_back(
        std::span(items[head]->layer_scores).first(items[head]->selection.due ? caches[head].size() : 0));
  ShareLayerAttention(caches, scores);
  for (size_t head = 0; head < caches.size(); ++head) {
    if (!items[head]->selection.due) continue;
    sequence.use.evictions += Evict(sequence.method, caches[head], items[head]->selection, scores[head]);
  }
  sequence.phases.select_s += watch.seconds();
}

void CpuDecode::RunLayer(size_t layer) {
  heads_.clear();
  head_items_.clear();
  for (Item& item : items_) Prepare(item, layer);
  attention_->Run(heads_, [&](size_t head, int thread) {
    if (probe_ != nullptr) Show(head, layer);
    try {
      Select(head, layer, thread);
    } catch (const std::bad_alloc&) {
      head_items_[head]->failed = true;
    }
  });
  // Heads are worked on side by side: of the time that they take together, a row spends its share.
  const double side_by_side =
      static_cast<double>(std::min(items_.size(), static_cast<size_t>(transformer_.pool().threads())));
  for (const Item& item : items_) {
    CachedSequence& sequence = *rows_[item.row];
    sequence.use.evictions += item.evicted;
    sequence.phases.select_s += item.select_s / side_by_side;
    if (item.failed) sequence.failure = absl::ResourceExhaustedError("out of memory while decoding");
  }
  for (size_t row = 0; row < rows_.size(); ++row) {
    if (JudgesByLayer(*rows_[row]) && rows_[row]->failure.ok()) EvictLayer(row, layer);
  }
}

void CpuDecode::Step(std::span<CachedSequence* const> rows, std::span<const int> tokens,
                     std::span<float> logits) {
  const Stopwatch watch;
  rows_ = rows;
  ListItems();
  std::vector<int> positions;
  for (const CachedSequence* row : rows) positions.push_back(row->position);
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
  for (CachedSequence* row : rows) {
    if (row->failure.ok()) row->EndStep(step_s);
  }
}

size_t CpuDecode::scratch_bytes() const {
  size_t bytes = attention_->scratch_bytes();
  for (const AlignedVector<float>& buffer : scores_) bytes += buffer.size() * sizeof(float);
  return bytes;
}

}  // namespace kvscope
