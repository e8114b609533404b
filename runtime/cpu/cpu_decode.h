// Decode steps on the CPU: one token for each row of a batch.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "kernels/aligned.h"
#include "runtime/cache/cached_sequence.h"
#include "runtime/cache/entry_scores.h"
#include "runtime/cpu/decode_attention.h"
#include "runtime/cpu/transformer.h"
#include "runtime/engine/probe.h"

namespace kvscope {

class CpuDecode {
 public:
  // Both outlive this.
  CpuDecode(Transformer& transformer, BlockActivations& activations);

  // A row that fails has its status set; the others go on.
  void Step(std::span<CachedSequence* const> rows, std::span<const int> tokens, std::span<float> logits);

  void SetProbe(AttentionProbe* probe) { probe_ = probe; }
  size_t scratch_bytes() const;

 private:
  // One row's work for one cached head, layer by layer.
  struct Item {
    size_t row;
    int head;
    Selection selection;
    AlignedVector<float> layer_scores;  // the step's attention, where the policy judges by a layer
    std::vector<float> direction;       // of the mean key, where the policy compares keys with it
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

  // Items of all rows, those that share a head's pages beside each other.
  void ListItems();
  void RunLayer(size_t layer);
  // Makes room for the step's entry, and heads_ of what goes on.
  void Prepare(Item& item, size_t layer);
  // Evicts; for the policies that judge by a layer, leaves the step's attention in item.layer_scores and
  // evicts nothing.
  void Select(size_t head, size_t layer, int thread);
  // Shows probe_ what a head attended to.
  void Show(size_t head, size_t layer);
  // Evicts in every head of a row's layer by their common scores.
  void EvictLayer(size_t row, size_t layer);

  Transformer& transformer_;
  BlockActivations& activations_;
  std::unique_ptr<DecodeAttention> attention_;
  AttentionProbe* probe_ = nullptr;
  std::mutex probe_mutex_;
  std::vector<AlignedVector<float>> scores_;  // by thread: [padded slots]
  // Of the step in progress.
  std::span<CachedSequence* const> rows_;
  std::vector<Item> items_;
  // Of the layer in progress.
  std::vector<DecodeHead> heads_;  // what is attended to
  std::vector<Item*> head_items_;  // [heads_]
};

}  // namespace kvscope
