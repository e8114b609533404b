// What a device keeps of one sequence's slots for selection, kept equal to what its caches hold on the host.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/cuda/slot_states.h"
#include "runtime/cache/cached_sequence.h"
#include "runtime/cuda/device_memory.h"

namespace kvscope {

class DeviceSlots : public CachedSequence::Extra {
 public:
  // Of what the method needs. The sequence's entries are copied by the first Reserve.
  DeviceSlots(const CachedSequence& sequence, DeviceLedger& ledger);

  // Makes room for one more slot in each head. REQUIRES: all edits that were noted have been handed to the
  // stream. Throws std::bad_alloc.
  absl::Status Reserve(const CachedSequence& sequence, cudaStream_t stream);

  SlotStates Of(size_t layer, size_t head) const;

 private:
  // Arrays follow each other in one piece of memory.
  enum Array { kRanks, kPositions, kAccumulated, kArrays };

  void* At(Array array, size_t layer, size_t head) const;
  // Of all arrays, as the caches have them: [arrays kept, layers, heads, capacity_].
  std::vector<int> FromHost(const CachedSequence& sequence) const;

  DeviceLedger& ledger_;
  size_t layers_;
  size_t heads_;
  bool has_[kArrays];
  size_t capacity_ = 0;  // slots of a head
  DeviceBuffer<int> words_;
};

}  // namespace kvscope
