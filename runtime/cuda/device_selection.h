// A decode step's selection: who gives up which slots. It depends on the step's scores, and nothing in the
// step depends on it: the next step's rows take the slots. So all layers' selections run together behind the
// last layer, and what they chose comes to the host, which keeps the books, with the step's logits.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "kernels/cuda/group_scores.h"
#include "kernels/cuda/key_scores.h"
#include "kernels/cuda/layer_scores.h"
#include "kernels/cuda/select.h"
#include "runtime/cuda/mirrored_arrays.h"
#include "runtime/cuda/step_head.h"

namespace kvscope {

class DeviceSelection {
 public:
  // `inputs`, `results`: a step's arrays, those that go to the device and those that come from it. All
  // arguments outlive this.
  DeviceSelection(MirroredArrays& inputs, MirroredArrays& results, size_t head_dim, KvType kv_type,
                  DeviceLedger& ledger);

  // What the step's heads, layer by layer and row by row, will choose; `heads` must stay until Evict. Whether
  // it is more than the arrays have room for, so that AddArrays must be called. Throws std::bad_alloc.
  bool Plan(std::span<const StepHead> heads);
  void AddArrays();

  // Writes the host's side of the inputs, which have been allocated.
  void Fill();

  // Where the scores of heads[i] are to be left, in device memory.
  float* ScoresOf(size_t i) const;

  // Chooses. Which kernels it launches on what depends on the arrays only, not on the step.
  absl::Status Launch(cudaStream_t stream);

  // Brings the host the scores that it chooses by itself. Does not wait.
  absl::Status DownloadScores(cudaStream_t stream) { return host_scores_.Download(stream); }

  // When the results and scores are there: evicts from the caches of all rows that have not failed.
  void Evict();

 private:
  // Who chooses a head's slots, and how.
  enum class Choice { kNone, kByHost, kWorst, kList };
  struct Chosen {
    Choice choice = Choice::kNone;
    size_t first_score = 0;   // of its scores, in the host's array or the device's
    size_t item = 0;          // of worst_items_ or list_items_
    size_t first_listed = 0;  // in listed_
  };
  // What arrays are as long as.
  enum Size { kWorst, kLists, kListed, kKeyHeads, kKeyPages, kSharedLayers, kSharedHeads, kSizes };

  void PlanHead(const StepHead& head, Chosen& chosen);
  void FillItems();
  void FillKeyScores();
  void FillLayerScores();
  uint64_t EvictHead(const StepHead& head, const Chosen& chosen);

  MirroredArrays& inputs_;
  MirroredArrays& results_;
  const unsigned head_dim_;
  const KvType kv_type_;

  std::span<const StepHead> heads_;
  std::vector<Chosen> chosen_;          // [heads_]
  std::array<size_t, kSizes> sizes_{};  // of the step
  std::array<size_t, kSizes> room_{};   // of the arrays
  size_t score_count_ = 0;
  size_t host_score_count_ = 0;
  size_t key_slots_ = 0;         // of all heads that are judged by keys
  size_t shared_positions_ = 0;  // of all layers that are judged together

  MirroredArrays host_scores_;
  MirroredArray<float> host_scores_array_;
  DeviceBuffer<float> scores_;
  DeviceBuffer<double> key_scales_;
  DeviceBuffer<float> position_sums_;
  DeviceBuffer<unsigned> position_holders_;

  MirroredArray<SelectItem> worst_items_, list_items_;
  MirroredArray<KeyScoreItem> key_items_;
  MirroredArray<const std::byte*> key_pages_;
  MirroredArray<LayerScoreItem> layer_items_;
  MirroredArray<LayerScoreHead> layer_heads_;
  MirroredArray<int> worst_;
  MirroredArray<unsigned> counts_, listed_;
};

}  // namespace kvscope
