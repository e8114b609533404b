// One cached head's part in a decode step.
#pragma once

#include <cstddef>

#include "runtime/cache/cached_sequence.h"
#include "runtime/cache/entry_scores.h"
#include "runtime/cuda/device_slots.h"

namespace kvscope {

struct StepHead {
  CachedSequence* row;
  size_t layer;
  size_t head;
  size_t first_query;  // of the layer's query heads, those of all rows in order
  size_t queries;      // that share the head
  Selection selection;

  const Method& method() const { return row->method; }
  HeadCache& cache() const { return row->cache(layer, head); }

  // What the device keeps with the slots; null where it keeps nothing.
  SlotStates States() const {
    const auto* slots = static_cast<const DeviceSlots*>(row->extra.get());
    return slots != nullptr ? slots->Of(layer, head) : SlotStates{};
  }

  // Whether the step's attention is to be turned into scores.
  bool NeedsScores() const {
    return (selection.due && LooksAtAttention(method().decode->rank)) || method().AccumulatesAttention();
  }
};

}  // namespace kvscope
