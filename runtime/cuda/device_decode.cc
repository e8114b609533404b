#include "runtime/cuda/device_decode.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "runtime/cpu/stopwatch.h"
#include "runtime/cuda/profiler_range.h"

namespace kvscope {
namespace {

GroupFold FoldOf(GroupScore how) {
  return how == GroupScore::kMean  ? GroupFold::kMean
         : how == GroupScore::kMax ? GroupFold::kMax
                                   : GroupFold::kSum;
}

// Whether there was less room.
template <class T>
bool Enlarge(T& room, T needed) {
  if (needed <= room) return false;
  room = needed + needed / 2;
  return true;
}

// Of an array that has a part for each layer.
template <class T>
MirroredArray<T> OfLayer(const MirroredArray<T>& array, size_t layer, size_t layers) {
  const size_t size = array.size / layers;
  return {array.offset + layer * size * sizeof(T), size};
}

}  // namespace

DeviceDecode::DeviceDecode(DeviceTransformer& transformer, DeviceLedger& memory)
    : transformer_(transformer),
      plan_(transformer, memory),
      inputs_(memory, DevicePurpose::kScratch),
      results_(memory, DevicePurpose::kScratch),
      selection_(inputs_, results_, transformer.config().head_dim, transformer.pages().type(), memory),
      slot_edits_(memory, DevicePurpose::kScratch),
      partial_max_(memory, DevicePurpose::kScratch),
      partial_sum_(memory, DevicePurpose::kScratch),
      partial_out_(memory, DevicePurpose::kScratch),
      factors_(memory, DevicePurpose::kScratch),
      probabilities_(memory, DevicePurpose::kScores) {}

void DeviceDecode::MakeRoom() {
  bool grows = selection_.Plan(plan_.heads());
  if (slots_ > room_.slots) {
    room_.slots = slots_;
    grows = true;
  }
  for (const StepPlan::Layer& layer : plan_.layers()) {
    const TileList& attention = layer.attention;
    grows |= Enlarge(room_.tiles, attention.tile_count());
    grows |= Enlarge(room_.pages, attention.page_count());
    grows |= Enlarge(room_.partials, attention.partials());
    grows |= Enlarge(room_.probabilities, attention.probabilities());
    if (attention.tile_queries() > room_.tile_queries) {
      room_.tile_queries = attention.tile_queries();
      grows = true;
    }
  }
  const bool moved = transformer_moves_ != transformer_.moves();
  if (grows || moved) graphs_.clear();
  transformer_moves_ = transformer_.moves();
  if (grows || !has_arrays_) AddArrays();
}

void DeviceDecode::AddArrays() {
  const size_t layers = config().layers, heads = room_.slots * config().heads;
  has_arrays_ = false;
  inputs_.Clear();
  ids_ = inputs_.Add<int>(room_.slots);
  positions_ = inputs_.Add<int>(room_.slots);
  writes_ = inputs_.Add<CacheWrite>(layers * heads);
  rows_ = inputs_.Add<AttentionRow>(layers * heads);
  score_items_ = inputs_.Add<GroupScoreItem>(layers * heads);
  tiles_ = inputs_.Add<AttentionTile>(layers * room_.tiles);
  pages_ = inputs_.Add<const std::byte*>(layers * room_.pages);
  results_.Clear();
  logits_ = results_.Add<float>(room_.slots * config().vocab);
  selection_.AddArrays();
  inputs_.Allocate();
  results_.Allocate();
  for (DeviceBuffer<float>* buffer : {&partial_max_, &partial_sum_, &factors_})
    buffer->Resize(room_.partials);
  partial_out_.Resize(room_.partials * config().head_dim);
  probabilities_.Resize(room_.probabilities);
  has_arrays_ = true;
}

void DeviceDecode::Fill(std::span<const int> tokens) {
  std::vector<int> positions;
  for (const CachedSequence* row : plan_.rows()) positions.push_back(row->position);
  inputs_.Set(ids_, tokens);
  inputs_.Set(positions_, positions);
  for (size_t layer = 0; layer < config().layers; ++layer) FillLayer(layer);
  selection_.Fill();
}

void DeviceDecode::FillLayer(size_t layer) {
  const size_t layers = config().layers;
  const auto& [writes, attention, first_head, end_head] = plan_.layers()[layer];
  const auto pages = OfLayer(pages_, layer, layers);
  inputs_.Set(OfLayer(writes_, layer, layers), writes);
  inputs_.Set(OfLayer(rows_, layer, layers), attention.rows());
  inputs_.Set(OfLayer(tiles_, layer, layers), attention.Tiles(inputs_.Device(pages)));
  inputs_.Set(pages, attention.PageList());
  std::vector<GroupScoreItem> items;
  for (size_t i = first_head; i < end_head; ++i) {
    const StepHead& head = plan_.heads()[i];
    if (!head.NeedsScores()) continue;
    items.push_back({.first_row = static_cast<unsigned>(head.first_query),
                     .rows = static_cast<unsigned>(head.queries),
                     .fold = FoldOf(head.method().budgets.group_score),
                     .accumulated = head.States().accumulated,
                     .scores = selection_.ScoresOf(i)});
  }
  inputs_.Set(OfLayer(score_items_, layer, layers), items);
}

absl::Status DeviceDecode::Attend(size_t layer) {
  const size_t layers = config().layers;
  RETURN_IF_CUDA_ERROR(
      DecodeAttentionOnDevice<float>({.q = transformer_.q(),
                                      .rows = inputs_.Device(OfLayer(rows_, layer, layers)),
                                      .tiles = inputs_.Device(OfLayer(tiles_, layer, layers)),
                                      .row_count = static_cast<unsigned>(slots_ * config().heads),
                                      .tile_count = static_cast<unsigned>(room_.tiles),
                                      .tile_queries = room_.tile_queries,
                                      .head_dim = static_cast<unsigned>(config().head_dim),
                                      .kv_type = transformer_.pages().type(),
                                      .scale = 1.0f / std::sqrt(static_cast<float>(config().head_dim)),
                                      .partial_max = partial_max_.data(),
                                      .partial_sum = partial_sum_.data(),
                                      .partial_out = partial_out_.data(),
                                      .factors = factors_.data(),
                                      .probabilities = probabilities_.data(),
                                      .out = transformer_.attention()},
                                     stream()));
  return absl::OkStatus();
}

absl::Status DeviceDecode::Score(size_t layer) {
  const size_t layers = config().layers;
  RETURN_IF_ERROR(select_timer_.Start(stream()));
  if (room_.probabilities > 0) {  // or nobody has needed scores yet
    RETURN_IF_CUDA_ERROR(GroupScoresOnDevice({.rows = inputs_.Device(OfLayer(rows_, layer, layers)),
                                              .probabilities = probabilities_.data(),
                                              .factors = factors_.data(),
                                              .items = inputs_.Device(OfLayer(score_items_, layer, layers)),
                                              .item_count = slots_ * config().heads},
                                             stream()));
  }
  return select_timer_.Stop(stream());
}

absl::Status DeviceDecode::Select() {
  RETURN_IF_ERROR(select_timer_.Start(stream()));
  RETURN_IF_ERROR(selection_.Launch(stream()));
  return select_timer_.Stop(stream());
}

absl::Status DeviceDecode::Submit() {
  const size_t layers = config().layers;
  select_timer_.Restart();  // all graphs have the same stretches
  RETURN_IF_ERROR(transformer_.Embed(inputs_.Device(ids_), inputs_.Device(positions_)));
  for (size_t layer = 0; layer < layers; ++layer) {
    RETURN_IF_ERROR(transformer_.Project(layer));
    RETURN_IF_ERROR(
        transformer_.FillCaches(inputs_.Device(OfLayer(writes_, layer, layers)), slots_ * config().heads));
    RETURN_IF_ERROR(Attend(layer));
    RETURN_IF_ERROR(Score(layer));
    if (probe_ != nullptr) RETURN_IF_ERROR(Show(layer));
    RETURN_IF_ERROR(transformer_.Finish(layer));
  }
  RETURN_IF_ERROR(Select());
  return transformer_.Logits(0, slots_, results_.Device(logits_));
}

absl::Status DeviceDecode::Run() {
  if (probe_ != nullptr) return Submit();
  auto graph = graphs_.find(slots_);
  if (graph == graphs_.end()) {
    ASSIGN_OR_RETURN(DeviceGraph captured, DeviceGraph::Capture(stream(), [this] { return Submit(); }));
    graph = graphs_.emplace(slots_, std::move(captured)).first;
  }
  return graph->second.Launch(stream());
}

absl::Status DeviceDecode::Show(size_t layer) {
  const StepPlan::Layer& planned = plan_.layers()[layer];
  const std::span<const AttentionRow> rows = planned.attention.rows();
  std::vector<float> exponentials(planned.attention.probabilities()), factors(planned.attention.partials());
  std::vector<float> out(rows.size() * config().head_dim);
  RETURN_IF_ERROR(probabilities_.Download(exponentials, stream()));
  RETURN_IF_ERROR(factors_.Download(factors, stream()));
  RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(out.data(), transformer_.attention(), out.size() * sizeof(float),
                                       cudaMemcpyDeviceToHost, stream()));
  RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(stream()));
  for (size_t i = planned.first_head; i < planned.end_head; ++i) {
    const StepHead& head = plan_.heads()[i];
    for (size_t query = head.first_query; query < head.first_query + head.queries; ++query) {
      const AttentionRow& row = rows[query];
      std::vector<float> probabilities(row.slots);
      for (size_t slot = 0; slot < row.slots; ++slot) {
        probabilities[slot] =
            exponentials[row.first_probability + slot] * factors[row.first_partial + slot / kSplitSlots];
      }
      probe_->OnAttention({.row = query / config().heads,
                           .layer = static_cast<int>(layer),
                           .query_head = static_cast<int>(query % config().heads),
                           .step = head.row->step,
                           .positions = head.cache().positions(),
                           .probabilities = probabilities,
                           .output = std::span(out).subspan(query * config().head_dim, config().head_dim)});
    }
  }
  return absl::OkStatus();
}

absl::Status DeviceDecode::Step(std::span<CachedSequence* const> rows, std::span<const int> tokens,
                                std::span<float> logits) {
  const ProfilerRange range("decode step");
  const Stopwatch watch;
  slots_ = std::bit_ceil(rows.size());
  size_t positions = 0;
  for (const CachedSequence* row : rows)
    positions = std::max(positions, static_cast<size_t>(row->position) + 1);
  RETURN_IF_ERROR(transformer_.Reserve(DeviceTransformer::Phase::kDecode, slots_, positions));
  RETURN_IF_ERROR(plan_.Make(rows, probe_ != nullptr));
  MakeRoom();
  Fill(tokens);
  RETURN_IF_ERROR(transformer_.pages().Edit());
  slot_edits_.Grow(plan_.slot_edits().size());
  RETURN_IF_ERROR(slot_edits_.Upload(plan_.slot_edits(), stream()));
  RETURN_IF_CUDA_ERROR(EditSlotStatesOnDevice(slot_edits_.data(), plan_.slot_edits().size(), stream()));
  RETURN_IF_ERROR(inputs_.Upload(stream()));
  RETURN_IF_ERROR(Run());
  RETURN_IF_ERROR(selection_.DownloadScores(stream()));
  RETURN_IF_ERROR(results_.Download(stream()));
  RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(stream()));
  std::ranges::copy(results_.Host(logits_).first(rows.size() * config().vocab), logits.begin());
  selection_.Evict();
  ASSIGN_OR_RETURN(const double select_s, select_timer_.Seconds());
  for (CachedSequence* row : rows) row->phases.select_s += select_s;
  const double step_s = watch.seconds();
  for (CachedSequence* row : rows) {
    if (row->failure.ok()) row->EndStep(step_s);
  }
  return absl::OkStatus();
}

}  // namespace kvscope
