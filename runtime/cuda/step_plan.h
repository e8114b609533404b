// A decode step as lists for its kernels, those of all layers before the first of them starts: nothing in the
// caches' books depends on what the step computes.
#pragma once

#include <span>
#include <vector>

#include "kernels/cuda/slot_states.h"
#include "runtime/cuda/device_transformer.h"
#include "runtime/cuda/step_head.h"
#include "runtime/cuda/tile_list.h"

namespace kvscope {

class StepPlan {
 public:
  struct Layer {
    std::vector<CacheWrite> writes;
    TileList attention;
    size_t first_head;  // of heads(): those of the layer are [first_head, end_head)
    size_t end_head;
  };

  // Of `ledger` is the memory of what the device keeps with the rows. Both arguments outlive this.
  StepPlan(DeviceTransformer& transformer, DeviceLedger& ledger)
      : transformer_(transformer), ledger_(ledger) {}

  // Schedules select, and caches take in the step's entry, for all rows that find memory; the others fail.
  // What the caches do to their pages is noted there. `keep_all`: all probabilities are wanted. Throws
  // std::bad_alloc.
  absl::Status Make(std::span<CachedSequence* const> rows, bool keep_all);

  std::span<CachedSequence* const> rows() const { return rows_; }
  std::span<const StepHead> heads() const { return heads_; }  // layer by layer, row by row
  std::span<const Layer> layers() const { return layers_; }
  std::span<const SlotEdit> slot_edits() const { return slot_edits_; }

 private:
  absl::Status ReserveSlots(CachedSequence& row);
  void AppendLayer(size_t layer);
  void Append(StepHead& head);
  // Of the slots that Append has filled, `before` being the ranks as they were.
  void NoteSlotEdits(const StepHead& head, std::span<const int> filled, std::span<const int> before);
  void ListAttention(bool keep_all);

  DeviceTransformer& transformer_;
  DeviceLedger& ledger_;
  std::span<CachedSequence* const> rows_;
  std::vector<StepHead> heads_;
  std::vector<Layer> layers_;
  std::vector<SlotEdit> slot_edits_;
};

}  // namespace kvscope
