#include "runtime/cuda/device_decode.h"

#include <algorithm>
#include <cmath>
#include <new>

#include "runtime/cache/entry_scores.h"
#include "runtime/cache/eviction.h"
#include "runtime/cpu/stopwatch.h"

namespace kvscope {
namespace {

GroupFold FoldOf(GroupScore how) {
  return how == GroupScore::kMean  ? GroupFold::kMean
         : how == GroupScore::kMax ? GroupFold::kMax
                                   : GroupFold::kSum;
}

bool JudgesByLayer(const CpuSequence& sequence) {
  return sequence.method.decode->rank == DecodePolicy::Rank::kLayerAttention;
}

}  // namespace

DeviceDecode::DeviceDecode(DeviceTransformer& transformer, DeviceLedger& memory)
    : transformer_(transformer),
      device_pages_(memory, DevicePurpose::kScratch),
      device_rows_(memory, DevicePurpose::kScratch),
      device_tiles_(memory, DevicePurpose::kScratch),
      partial_max_(memory, DevicePurpose::kScratch),
      partial_sum_(memory, DevicePurpose::kScratch),
      partial_out_(memory, DevicePurpose::kScratch),
      factors_(memory, DevicePurpose::kScratch),
      probabilities_(memory, DevicePurpose::kScores),
      device_scores_(memory, DevicePurpose::kScores),
      score_items_(memory, DevicePurpose::kScratch) {}

void DeviceDecode::ListItems() {
  items_.clear();
  for (size_t row = 0; row < rows_.size(); ++row) {
    const size_t heads = rows_[row]->layers.front().size(), group = config().heads / heads;
    for (size_t head = 0; head < heads; ++head) {
      items_.push_back({.row = rows_[row],
                        .head = head,
                        .first_query = row * config().heads + head * group,
                        .queries = group});
    }
  }
}

void DeviceDecode::Append(size_t layer) {
  for (Item& item : items_) {
    CpuSequence& row = *item.row;
    if (!row.failure.ok()) continue;
    HeadCache& cache = CacheOf(item, layer);
    const size_t length = cache.size() + 1;
    row.AccountAttended(layer, length);
    item.selection = row.schedule->Next(static_cast<int>(layer), static_cast<int>(item.head), row.step,
                                        static_cast<int>(length));
    const size_t token = item.first_query / config().heads;
    const size_t kv_head = item.head * config().kv_heads / row.layers[layer].size();
    try {
      cache.Append(row.position, transformer_.key(token, kv_head), transformer_.value(token, kv_head));
    } catch (const std::bad_alloc&) {
      row.failure = absl::ResourceExhaustedError("out of memory while decoding");
    }
  }
}

absl::Status DeviceDecode::Attend(size_t layer) {
  const cudaStream_t stream = transformer_.stream();
  TileList list(rows_.size() * config().heads);
  for (const Item& item : items_) {
    if (!item.row->failure.ok()) continue;
    const HeadCache& cache = CacheOf(item, layer);
    list.Add(item.first_query, item.queries, cache.pages(), cache.size(),
             NeedsScores(item) || probe_ != nullptr);
  }
  RETURN_IF_ERROR(device_pages_.Upload(list.PageList(), stream));
  const std::vector<AttentionTile> tiles = list.Tiles(device_pages_.data());
  RETURN_IF_ERROR(device_tiles_.Upload(tiles, stream));
  RETURN_IF_ERROR(device_rows_.Upload(list.rows(), stream));
  for (DeviceBuffer<float>* buffer : {&partial_max_, &partial_sum_, &factors_})
    buffer->Resize(list.partials());
  partial_out_.Resize(list.partials() * config().head_dim);
  probabilities_.Resize(list.probabilities());
  RETURN_IF_CUDA_ERROR(DecodeAttentionOnDevice<float>(
      {.q = transformer_.q(),
       .rows = device_rows_.data(),
       .tiles = device_tiles_.data(),
       .row_count = static_cast<unsigned>(list.rows().size()),
       .tile_count = static_cast<unsigned>(tiles.size()),
       .tile_queries = std::ranges::max(tiles, {}, &AttentionTile::queries).queries,
       .head_dim = static_cast<unsigned>(config().head_dim),
       .kv_type = transformer_.pages().type(),
       .scale = 1.0f / std::sqrt(static_cast<float>(config().head_dim)),
       .partial_max = partial_max_.data(),
       .partial_sum = partial_sum_.data(),
       .partial_out = partial_out_.data(),
       .factors = factors_.data(),
       .probabilities = probabilities_.data(),
       .out = transformer_.attention()},
      stream));
  if (probe_ != nullptr) RETURN_IF_ERROR(Show(layer, list));
  return Score(layer);
}

absl::Status DeviceDecode::Score(size_t layer) {
  size_t size = 0;
  for (Item& item : items_) {
    if (!item.row->failure.ok() || !NeedsScores(item)) continue;
    item.first_score = size;
    size += CacheOf(item, layer).size();
  }
  scores_.resize(size);
  device_scores_.Resize(size);
  std::vector<GroupScoreItem> score_items;
  for (const Item& item : items_) {
    if (!item.row->failure.ok() || !NeedsScores(item)) continue;
    score_items.push_back({.first_row = static_cast<unsigned>(item.first_query),
                           .rows = static_cast<unsigned>(item.queries),
                           .fold = FoldOf(item.row->method.budgets.group_score),
                           .accumulated = nullptr,
                           .scores = device_scores_.data() + item.first_score});
  }
  RETURN_IF_ERROR(score_items_.Upload(score_items, transformer_.stream()));
  RETURN_IF_CUDA_ERROR(GroupScoresOnDevice({.rows = device_rows_.data(),
                                            .probabilities = probabilities_.data(),
                                            .factors = factors_.data(),
                                            .items = score_items_.data(),
                                            .item_count = score_items.size()},
                                           transformer_.stream()));
  return absl::OkStatus();
}

absl::Status DeviceDecode::Select(size_t layer) {
  if (scores_.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(device_scores_.Download(scores_, transformer_.stream()));
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    CpuSequence& row = *item.row;
    if (!row.failure.ok()) continue;
    const Stopwatch watch;
    if (JudgesByLayer(row)) {
      if (item.head == 0) SelectByLayer(std::span(items_).subspan(i, row.layers[layer].size()), layer);
    } else if (NeedsScores(item)) {
      HeadCache& cache = CacheOf(item, layer);
      const std::span<float> scores(&scores_[item.first_score], cache.size());
      ScoreEntries(row.method, {static_cast<int>(layer), static_cast<int>(item.head)}, cache, 0, scores);
      if (item.selection.due) row.use.evictions += Evict(row.method, cache, item.selection, scores);
    }
    row.phases.select_s += watch.seconds();
  }
  return absl::OkStatus();
}

void DeviceDecode::SelectByLayer(std::span<Item> items, size_t layer) {
  CpuSequence& row = *items.front().row;
  if (std::ranges::none_of(items, [](const Item& item) { return item.selection.due; })) return;
  std::vector<HeadCache>& caches = row.layers[layer];
  std::vector<std::span<float>> scores(caches.size());
  for (const Item& item : items) {
    if (NeedsScores(item)) scores[item.head] = {&scores_[item.first_score], caches[item.head].size()};
  }
  ShareLayerAttention(caches, scores);
  for (const Item& item : items) {
    if (!item.selection.due) continue;
    row.use.evictions += Evict(row.method, caches[item.head], item.selection, scores[item.head]);
  }
}

absl::Status DeviceDecode::Show(size_t layer, const TileList& list) {
  std::vector<float> exponentials(list.probabilities()), factors(list.partials());
  std::vector<float> out(list.rows().size() * config().head_dim);
  RETURN_IF_ERROR(probabilities_.Download(exponentials, transformer_.stream()));
  RETURN_IF_ERROR(factors_.Download(factors, transformer_.stream()));
  RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(out.data(), transformer_.attention(), out.size() * sizeof(float),
                                       cudaMemcpyDeviceToHost, transformer_.stream()));
  RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(transformer_.stream()));
  for (const Item& item : items_) {
    if (!item.row->failure.ok()) continue;
    for (size_t query = item.first_query; query < item.first_query + item.queries; ++query) {
      const AttentionRow& row = list.rows()[query];
      std::vector<float> probabilities(row.slots);
      for (size_t slot = 0; slot < row.slots; ++slot) {
        probabilities[slot] =
            exponentials[row.first_probability + slot] * factors[row.first_partial + slot / kSplitSlots];
      }
      probe_->OnAttention({.row = query / config().heads,
                           .layer = static_cast<int>(layer),
                           .query_head = static_cast<int>(query % config().heads),
                           .step = item.row->step,
                           .positions = CacheOf(item, layer).positions(),
                           .probabilities = probabilities,
                           .output = std::span(out).subspan(query * config().head_dim, config().head_dim)});
    }
  }
  return absl::OkStatus();
}

absl::Status DeviceDecode::RunLayer(size_t layer) {
  RETURN_IF_ERROR(transformer_.Project(layer));
  Append(layer);
  RETURN_IF_ERROR(transformer_.FillCaches());
  if (std::ranges::all_of(rows_, [](const CpuSequence* row) { return !row->failure.ok(); }))
    return absl::OkStatus();
  RETURN_IF_ERROR(Attend(layer));
  RETURN_IF_ERROR(Select(layer));
  return transformer_.Finish(layer);
}

absl::Status DeviceDecode::Step(std::span<CpuSequence* const> rows, std::span<const int> tokens,
                                std::span<float> logits) {
  const Stopwatch watch;
  rows_ = rows;
  ListItems();
  std::vector<int> positions;
  for (const CpuSequence* row : rows) positions.push_back(row->position);
  RETURN_IF_ERROR(transformer_.Begin(tokens, positions));
  for (size_t layer = 0; layer < config().layers; ++layer) RETURN_IF_ERROR(RunLayer(layer));
  RETURN_IF_ERROR(transformer_.Logits(0, rows.size(), logits));
  const double step_s = watch.seconds();
  for (CpuSequence* row : rows) {
    if (row->failure.ok()) row->EndStep(step_s);
  }
  return absl::OkStatus();
}

}  // namespace kvscope
