// Decode steps on a device: one token for each row of a batch. What a step reads and writes is settled before
// it starts (step_plan.h), so that all of it is launched at once, as a graph that was captured for that
// number of slots; a batch is filled up with slots that are not used. What changes from step to step lies in
// arrays that the graph's kernels read. The host waits once a step, for the logits and for what was selected.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "runtime/cuda/device_graph.h"
#include "runtime/cuda/device_selection.h"
#include "runtime/cuda/device_timer.h"
#include "runtime/cuda/device_transformer.h"
#include "runtime/cuda/step_plan.h"
#include "runtime/engine/probe.h"

namespace kvscope {

class DeviceDecode {
 public:
  // All arguments outlive this.
  DeviceDecode(DeviceTransformer& transformer, DeviceLedger& memory);

  // A row whose cache finds no memory has its status set; the others go on. Another error: that of the
  // device, and no row can go on.
  absl::Status Step(std::span<CachedSequence* const> rows, std::span<const int> tokens,
                    std::span<float> logits);

  // While a probe is set a step is not launched as a graph, and waits in every layer.
  void SetProbe(AttentionProbe* probe) { probe_ = probe; }

 private:
  // What arrays are as long as; those of layers, in each layer.
  struct Room {
    size_t slots = 0;
    size_t tiles = 0;
    size_t pages = 0;
    unsigned tile_queries = 0;
    size_t partials = 0;
    size_t probabilities = 0;
  };

  const ModelConfig& config() const { return transformer_.config(); }
  cudaStream_t stream() const { return transformer_.stream(); }

  // Room for what is planned.
  void MakeRoom();
  void AddArrays();
  void Fill(std::span<const int> tokens);
  void FillLayer(size_t layer);
  // From the embedding to the logits.
  absl::Status Submit();
  absl::Status Attend(size_t layer);
  absl::Status Score(size_t layer);
  absl::Status Select();
  absl::Status Run();
  absl::Status Show(size_t layer);

  DeviceTransformer& transformer_;
  AttentionProbe* probe_ = nullptr;
  StepPlan plan_;
  MirroredArrays inputs_;
  MirroredArrays results_;
  DeviceSelection selection_;
  DeviceTimer select_timer_;  // of scoring and selection
  Room room_;
  bool has_arrays_ = false;  // for room_; not where memory was out
  size_t slots_ = 0;         // of the step in progress
  size_t transformer_moves_ = 0;
  std::map<size_t, DeviceGraph> graphs_;  // by number of slots; none that the present arrays are not in

  MirroredArray<int> ids_, positions_;         // [slots]
  MirroredArray<CacheWrite> writes_;           // [layers, slots x heads]
  MirroredArray<AttentionRow> rows_;           // [layers, slots x heads]
  MirroredArray<GroupScoreItem> score_items_;  // [layers, slots x heads]
  MirroredArray<AttentionTile> tiles_;         // [layers, tiles]
  MirroredArray<const std::byte*> pages_;      // [layers, pages]
  MirroredArray<float> logits_;                // [slots, vocab]
  DeviceBuffer<SlotEdit> slot_edits_;
  DeviceBuffer<float> partial_max_, partial_sum_, partial_out_, factors_;
  DeviceBuffer<float> probabilities_;
};

}  // namespace kvscope
