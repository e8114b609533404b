#include "runtime/cuda/device_selection.h"

#include <algorithm>

#include "runtime/cache/eviction.h"
#include "runtime/cpu/stopwatch.h"
#include "runtime/cuda/selection_place.h"

namespace kvscope {
namespace {

using Rank = DecodePolicy::Rank;

Rank RankOf(const StepHead& head) { return head.method().decode->rank; }

bool JudgedByKeys(const StepHead& head) { return head.selection.due && LooksAtKeys(RankOf(head)); }

bool JudgedByLayer(const StepHead& head) {
  return head.selection.due && RankOf(head) == Rank::kLayerAttention;
}

bool StartsLayer(const StepHead& head, const StepHead* before) {
  return before == nullptr || before->row != head.row || before->layer != head.layer;
}

// How many candidates must go: a cache without holes has each entry before the first candidate and each of
// the last ones.
size_t TooMany(const StepHead& head) {
  const int candidates = static_cast<int>(head.cache().size()) - head.selection.first - head.selection.recent;
  return static_cast<size_t>(std::max(0, candidates - std::max(0, head.selection.keep)));
}

}  // namespace

DeviceSelection::DeviceSelection(MirroredArrays& inputs, MirroredArrays& results, size_t head_dim,
                                 KvType kv_type, DeviceLedger& ledger)
    : inputs_(inputs),
      results_(results),
      head_dim_(static_cast<unsigned>(head_dim)),
      kv_type_(kv_type),
      host_scores_(ledger, DevicePurpose::kScores),
      scores_(ledger, DevicePurpose::kScores),
      key_scales_(ledger, DevicePurpose::kScores),
      position_sums_(ledger, DevicePurpose::kScores),
      position_holders_(ledger, DevicePurpose::kScores) {}

void DeviceSelection::PlanHead(const StepHead& head, Chosen& chosen) {
  if (!WhyHostSelects(head.method()).empty()) {
    if (head.selection.due) chosen.choice = Choice::kByHost;
    chosen.first_score = host_score_count_;
    if (head.NeedsScores()) host_score_count_ += head.cache().size();
    return;
  }
  if (!head.selection.due && !head.NeedsScores()) return;
  chosen.first_score = score_count_;
  score_count_ += head.cache().size();
  if (!head.selection.due) return;
  const size_t too_many = TooMany(head);
  if (too_many == 1) {
    chosen.choice = Choice::kWorst;
    chosen.item = sizes_[kWorst]++;
  } else {
    chosen.choice = Choice::kList;
    chosen.item = sizes_[kLists]++;
    chosen.first_listed = sizes_[kListed];
    sizes_[kListed] += too_many;
  }
}

bool DeviceSelection::Plan(std::span<const StepHead> heads) {
  heads_ = heads;
  chosen_.assign(heads.size(), {});
  sizes_ = {};
  score_count_ = host_score_count_ = key_slots_ = shared_positions_ = 0;
  const StepHead* last_shared = nullptr;
  for (size_t i = 0; i < heads.size(); ++i) {
    const StepHead& head = heads[i];
    PlanHead(head, chosen_[i]);
    if (chosen_[i].choice == Choice::kByHost) continue;
    if (JudgedByKeys(head)) {
      ++sizes_[kKeyHeads];
      sizes_[kKeyPages] += head.cache().pages().size();
      key_slots_ += head.cache().size();
    }
    if (JudgedByLayer(head)) {
      ++sizes_[kSharedHeads];
      if (StartsLayer(head, last_shared)) {
        ++sizes_[kSharedLayers];
        shared_positions_ += static_cast<size_t>(head.row->position) + 1;
      }
      last_shared = &head;
    }
  }
  scores_.Grow(score_count_);
  key_scales_.Grow(key_slots_);
  position_sums_.Grow(shared_positions_);
  position_holders_.Grow(shared_positions_);
  host_scores_.Clear();
  host_scores_array_ = host_scores_.Add<float>(host_score_count_);
  host_scores_.Allocate();

  bool grows = false;
  for (size_t i = 0; i < kSizes; ++i) {
    if (sizes_[i] <= room_[i]) continue;
    room_[i] = sizes_[i] + sizes_[i] / 2;
    grows = true;
  }
  return grows;
}

void DeviceSelection::AddArrays() {
  worst_items_ = inputs_.Add<SelectItem>(room_[kWorst]);
  list_items_ = inputs_.Add<SelectItem>(room_[kLists]);
  key_items_ = inputs_.Add<KeyScoreItem>(room_[kKeyHeads]);
  key_pages_ = inputs_.Add<const std::byte*>(room_[kKeyPages]);
  layer_items_ = inputs_.Add<LayerScoreItem>(room_[kSharedLayers]);
  layer_heads_ = inputs_.Add<LayerScoreHead>(room_[kSharedHeads]);
  worst_ = results_.Add<int>(room_[kWorst]);
  counts_ = results_.Add<unsigned>(room_[kLists]);
  listed_ = results_.Add<unsigned>(room_[kListed]);
}

float* DeviceSelection::ScoresOf(size_t i) const {
  float* const scores =
      WhyHostSelects(heads_[i].method()).empty() ? scores_.data() : host_scores_.Device(host_scores_array_);
  return scores + chosen_[i].first_score;
}

void DeviceSelection::Fill() {
  FillItems();
  FillKeyScores();
  FillLayerScores();
}

void DeviceSelection::FillItems() {
  std::vector<SelectItem> worst, lists;
  for (size_t i = 0; i < heads_.size(); ++i) {
    const Chosen& chosen = chosen_[i];
    if (chosen.choice != Choice::kWorst && chosen.choice != Choice::kList) continue;
    const StepHead& head = heads_[i];
    SelectItem item{.scores = ScoresOf(i),
                    .ranks = head.States().ranks,
                    .slots = static_cast<unsigned>(head.cache().size()),
                    .first_rank = head.selection.first,
                    .end_rank = head.cache().next_rank() - head.selection.recent,
                    .keep = static_cast<unsigned>(std::max(0, head.selection.keep)),
                    .list_evicted = true,
                    .listed = nullptr,
                    .count = nullptr};
    if (chosen.choice == Choice::kWorst) {
      worst.push_back(item);
    } else {
      item.listed = results_.Device(listed_) + chosen.first_listed;
      item.count = results_.Device(counts_) + chosen.item;
      lists.push_back(item);
    }
  }
  inputs_.Set(worst_items_, worst);
  inputs_.Set(list_items_, lists);
}

void DeviceSelection::FillKeyScores() {
  std::vector<KeyScoreItem> items;
  std::vector<const std::byte*> pages;
  double* scales = key_scales_.data();
  for (size_t i = 0; i < heads_.size(); ++i) {
    const StepHead& head = heads_[i];
    if (!JudgedByKeys(head) || chosen_[i].choice == Choice::kByHost) continue;
    items.push_back({.pages = inputs_.Device(key_pages_) + pages.size(),
                     .slots = static_cast<unsigned>(head.cache().size()),
                     .what = RankOf(head) == Rank::kNovelty ? KeyScore::kNovelty : KeyScore::kDistinctness,
                     .attention_weight = kAttentionWeight,
                     .scores = ScoresOf(i),
                     .scales = scales});
    pages.insert(pages.end(), head.cache().pages().begin(), head.cache().pages().end());
    scales += head.cache().size();
  }
  inputs_.Set(key_items_, items);
  inputs_.Set(key_pages_, pages);
}

void DeviceSelection::FillLayerScores() {
  std::vector<LayerScoreItem> items;
  std::vector<LayerScoreHead> layer_heads;
  const StepHead* last = nullptr;
  size_t position = 0;
  for (size_t i = 0; i < heads_.size(); ++i) {
    const StepHead& head = heads_[i];
    if (!JudgedByLayer(head) || chosen_[i].choice == Choice::kByHost) continue;
    if (StartsLayer(head, last)) {
      const auto positions = static_cast<unsigned>(head.row->position) + 1;
      items.push_back({.heads = inputs_.Device(layer_heads_) + layer_heads.size(),
                       .count = 0,
                       .positions = positions,
                       .sums = position_sums_.data() + position,
                       .holders = position_holders_.data() + position});
      position += positions;
    }
    last = &head;
    ++items.back().count;
    layer_heads.push_back({.scores = ScoresOf(i),
                           .positions = head.States().positions,
                           .slots = static_cast<unsigned>(head.cache().size())});
  }
  inputs_.Set(layer_items_, items);
  inputs_.Set(layer_heads_, layer_heads);
}

absl::Status DeviceSelection::Launch(cudaStream_t stream) {
  RETURN_IF_CUDA_ERROR(ShareLayerScoresOnDevice(inputs_.Device(layer_items_), layer_items_.size, stream));
  RETURN_IF_CUDA_ERROR(
      KeyScoresOnDevice(inputs_.Device(key_items_), key_items_.size, head_dim_, kv_type_, stream));
  RETURN_IF_CUDA_ERROR(
      WorstSlotsOnDevice(inputs_.Device(worst_items_), worst_items_.size, results_.Device(worst_), stream));
  RETURN_IF_CUDA_ERROR(SelectOnDevice(inputs_.Device(list_items_), list_items_.size, stream));
  return absl::OkStatus();
}

uint64_t DeviceSelection::EvictHead(const StepHead& head, const Chosen& chosen) {
  HeadCache& cache = head.cache();
  switch (chosen.choice) {
    case Choice::kNone:
      return 0;
    case Choice::kByHost: {
      std::vector<float> scores(cache.size());
      if (head.NeedsScores()) {
        std::copy_n(&host_scores_.Host(host_scores_array_)[chosen.first_score], scores.size(),
                    scores.begin());
      }
      ScoreEntries(head.method(), {static_cast<int>(head.layer), static_cast<int>(head.head)}, cache, 0,
                   scores);
      return kvscope::Evict(head.method(), cache, head.selection, scores);
    }
    case Choice::kWorst: {
      const int worst = results_.Host(worst_)[chosen.item];
      if (worst < 0) return 0;
      cache.Evict(std::span(&worst, 1));
      return 1;
    }
    case Choice::kList: {
      const unsigned* const listed = results_.Host(listed_).data() + chosen.first_listed;
      const std::vector<int> slots(listed, listed + results_.Host(counts_)[chosen.item]);
      cache.Evict(slots);
      return slots.size();
    }
  }
  return 0;
}

void DeviceSelection::Evict() {
  for (size_t i = 0; i < heads_.size(); ++i) {
    CachedSequence& row = *heads_[i].row;
    if (!row.failure.ok()) continue;
    const Stopwatch watch;
    row.use.evictions += EvictHead(heads_[i], chosen_[i]);
    row.phases.select_s += watch.seconds();
  }
}

}  // namespace kvscope
