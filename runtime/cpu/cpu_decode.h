// Decode steps on the CPU: one token for each row of a batch.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "kernels/aligned.h"
#include "runtime/cache/entry_scores.h"
#include "runtime/cpu/cpu_sequence.h"
#include "runtime/cpu/transformer.h"
#include "runtime/engine/probe.h"

namespace kvscope {

class CpuDecode {
 public:
  // Both outlive this.
  CpuDecode(Transformer& transformer, BlockActivations& activations);

  // A row that fails has its status set; the others go on.
  void Step(std::span<CpuSequence* const> rows, std::span<const int> tokens, std::span<float> logits);

  void SetProbe(AttentionProbe* probe) { probe_ = probe; }
  size_t scratch_bytes() const;

 private:
  // One row's work in one layer for one cached head.
  struct Item {
    size_t row;
    int head;
    Selection selection;
    std::vector<float> layer_scores;  // the step's attention, where the policy judges by a layer
    float* probabilities = nullptr;   // [group, PaddedSlots(size)], of the step's queries; thread's own
    // What it left to account for.
    uint64_t evicted = 0;
    double select_s = 0;
    bool failed = false;
  };

  const ModelConfig& config() const { return transformer_.config(); }
  HeadCache& CacheOf(const Item& item, size_t layer) const {
    return rows_[item.row]->cache(layer, static_cast<size_t>(item.head));
  }
  // Query heads for each of the row's cached heads.
  size_t Group(const Item& item) const { return config().heads / rows_[item.row]->layers.front().size(); }

  // Items of all rows, the heads of a row in order: those of row r are [first_item_[r], first_item_[r + 1]).
  void ListItems();
  // Divides the items among loop turns. Rows that share a head's pages follow each other in one turn, so that
  // the pages are read into a core's cache once for all of them.
  void ListTurns();
  std::span<Item> ItemsOf(size_t row);
  void RunLayer(size_t layer);
  // Of one turn's items: appends, attends, selects.
  void RunTurn(std::span<const size_t> turn, size_t layer, int thread);
  void Append(const Item& item, size_t layer);
  void Attend(std::span<Item* const> items, size_t layer, int thread);
  // Evicts; for the policies that judge by a layer, leaves the step's attention in item.layer_scores and
  // evicts nothing.
  void Select(Item& item, size_t layer, int thread);
  // Shows probe_ what Attend did.
  void Show(const Item& item, size_t layer);
  // Evicts in every head of a row's layer by their common scores.
  void EvictLayer(size_t row, size_t layer);

  Transformer& transformer_;
  BlockActivations& activations_;
  AttentionProbe* probe_ = nullptr;
  std::mutex probe_mutex_;
  std::vector<AlignedVector<float>> probabilities_;  // by thread: those of a turn's items
  std::vector<std::vector<float>> scores_;           // by thread: [slots]
  // Of the step in progress.
  std::span<CpuSequence* const> rows_;
  std::vector<Item> items_;
  std::vector<size_t> first_item_;          // [rows + 1]
  std::vector<std::vector<size_t>> turns_;  // indices of items, the longest first
};

}  // namespace kvscope
