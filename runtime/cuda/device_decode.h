// Decode steps on a device: one token for each row of a batch. The arithmetic is the device's; what goes and
// what stays is decided on the host by the code that decides it for the CPU (runtime/cache), from scores that
// the device made. A step waits for the device once for each layer in which some row selects or accumulates,
// and once for the logits.
#pragma once

#include <span>
#include <vector>

#include "kernels/cuda/group_scores.h"
#include "runtime/cpu/cpu_sequence.h"
#include "runtime/cuda/device_transformer.h"
#include "runtime/cuda/tile_list.h"
#include "runtime/engine/probe.h"

namespace kvscope {

class DeviceDecode {
 public:
  // All arguments outlive this.
  DeviceDecode(DeviceTransformer& transformer, DeviceLedger& memory);

  // A row whose cache finds no memory has its status set; the others go on. Another error: that of the
  // device, and no row can go on.
  absl::Status Step(std::span<CpuSequence* const> rows, std::span<const int> tokens, std::span<float> logits);

  void SetProbe(AttentionProbe* probe) { probe_ = probe; }

 private:
  // One row's work in one layer for one cached head.
  struct Item {
    CpuSequence* row;
    size_t head;
    size_t first_query;  // of the step's query heads, those of all rows in order
    size_t queries;      // that share the head
    Selection selection;
    size_t first_score = 0;  // in scores_, where NeedsScores
  };

  const ModelConfig& config() const { return transformer_.config(); }
  static HeadCache& CacheOf(const Item& item, size_t layer) { return item.row->cache(layer, item.head); }
  static bool NeedsScores(const Item& item) {
    return item.selection.due || item.row->method.AccumulatesAttention();
  }

  void ListItems();
  absl::Status RunLayer(size_t layer);
  // What the policies will do after this step, and the step's rows in the caches.
  void Append(size_t layer);
  absl::Status Attend(size_t layer);
  // Starts on the step's attention, combined over each head's queries, for the items that need it.
  absl::Status Score(size_t layer);
  // Waits for scores, and evicts by them.
  absl::Status Select(size_t layer);
  // Evicts in all heads of a row's layer by their common scores. `items`: the row's.
  void SelectByLayer(std::span<Item> items, size_t layer);
  absl::Status Show(size_t layer, const TileList& list);

  DeviceTransformer& transformer_;
  AttentionProbe* probe_ = nullptr;
  // Of the step in progress.
  std::span<CpuSequence* const> rows_;
  std::vector<Item> items_;  // the heads of a row in order, row by row
  std::vector<float> scores_;
  DeviceBuffer<const std::byte*> device_pages_;
  DeviceBuffer<AttentionRow> device_rows_;
  DeviceBuffer<AttentionTile> device_tiles_;
  DeviceBuffer<float> partial_max_, partial_sum_, partial_out_, factors_;
  DeviceBuffer<float> probabilities_, device_scores_;
  DeviceBuffer<GroupScoreItem> score_items_;
};

}  // namespace kvscope
