#include "runtime/cuda/step_plan.h"

#include <algorithm>
#include <memory>
#include <new>

#include "runtime/cuda/device_slots.h"
#include "runtime/cuda/selection_place.h"

namespace kvscope {
namespace {

bool SelectsOnDevice(const Method& method) {
  return method.decode->rank != DecodePolicy::Rank::kNever && WhyHostSelects(method).empty();
}

}  // namespace

absl::Status StepPlan::ReserveSlots(CachedSequence& row) {
  if (!SelectsOnDevice(row.method)) return absl::OkStatus();
  if (row.extra == nullptr) row.extra = std::make_unique<DeviceSlots>(row, ledger_);
  return static_cast<DeviceSlots&>(*row.extra).Reserve(row, transformer_.stream());
}

void StepPlan::NoteSlotEdits(const StepHead& head, std::span<const int> filled, std::span<const int> before) {
  const SlotStates states = head.States();
  if (states.ranks == nullptr) return;
  const HeadCache& cache = head.cache();
  for (const int slot : filled) {
    const auto to = static_cast<size_t>(slot);
    if (to >= cache.slots()) continue;  // a hole that the cache ended with
    const int rank = cache.ranks()[to];
    const auto from = std::ranges::find(before, rank);
    slot_edits_.push_back(
        {.states = states,
         .to = static_cast<unsigned>(to),
         .from = from == before.end() ? SlotEdit::kNew : static_cast<unsigned>(from - before.begin()),
         .rank = rank,
         .position = cache.positions()[to]});
  }
}

void StepPlan::Append(StepHead& head) {
  CachedSequence& row = *head.row;
  HeadCache& cache = head.cache();
  const size_t length = cache.size() + 1;
  row.AccountAttended(head.layer, length);
  head.selection = row.schedule->Next(static_cast<int>(head.layer), static_cast<int>(head.head), row.step,
                                      static_cast<int>(length));
  std::vector<int> filled(cache.holes().begin(), cache.holes().end()), before;
  if (filled.empty()) filled.push_back(static_cast<int>(cache.slots()));
  if (filled.size() > 1) before.assign(cache.ranks().begin(), cache.ranks().end());
  const ModelConfig& config = transformer_.config();
  const size_t token = head.first_query / config.heads;
  const size_t kv_head = head.head * config.kv_heads / row.layers[head.layer].size();
  try {
    cache.Append(row.position, transformer_.key(token, kv_head), transformer_.value(token, kv_head));
  } catch (const std::bad_alloc&) {
    row.failure = absl::ResourceExhaustedError("out of memory while decoding");
    return;
  }
  NoteSlotEdits(head, filled, before);
}

void StepPlan::AppendLayer(size_t layer) {
  const size_t query_heads = transformer_.config().heads;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const size_t heads = rows_[i]->layers[layer].size(), group = query_heads / heads;
    for (size_t head = 0; head < heads && rows_[i]->failure.ok(); ++head) {
      heads_.push_back({.row = rows_[i],
                        .layer = layer,
                        .head = head,
                        .first_query = i * query_heads + head * group,
                        .queries = group});
      Append(heads_.back());
    }
  }
  transformer_.pages().Separate();
}

void StepPlan::ListAttention(bool keep_all) {
  for (size_t i = 0; i < heads_.size(); ++i) {
    const StepHead& head = heads_[i];
    Layer& layer = layers_[head.layer];
    layer.attention.Add(head.first_query, head.queries, head.cache().pages(), head.cache().size(),
                        keep_all || head.NeedsScores());
    layer.end_head = i + 1;
  }
  for (size_t i = heads_.size(); i > 0; --i) layers_[heads_[i - 1].layer].first_head = i - 1;
}

absl::Status StepPlan::Make(std::span<CachedSequence* const> rows, bool keep_all) {
  rows_ = rows;
  heads_.clear();
  layers_.clear();
  slot_edits_.clear();
  transformer_.pages().Forget();
  for (CachedSequence* row : rows) RETURN_IF_ERROR(ReserveSlots(*row));
  for (size_t layer = 0; layer < transformer_.config().layers; ++layer) {
    AppendLayer(layer);
    layers_.push_back(
        {transformer_.pages().TakeWrites(), TileList(rows.size() * transformer_.config().heads), 0, 0});
  }
  std::erase_if(heads_, [](const StepHead& head) { return !head.row->failure.ok(); });
  ListAttention(keep_all);
  return absl::OkStatus();
}

}  // namespace kvscope
