// What a device keeps of a cached head's slots besides keys and values: what selection looks at. The twins
// are the arrays of runtime/cache/head_cache.h.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace kvscope {

// One cached head's, in device memory.
struct SlotStates {
  int* ranks;          // [slots]
  int* positions;      // [slots]; null: not kept
  float* accumulated;  // [slots]; null: not kept
};

// A slot gets another entry: a new one, or one that moves there.
struct SlotEdit {
  static constexpr unsigned kNew = ~0u;

  SlotStates states;
  unsigned to;
  unsigned from;  // slot that the entry's accumulated score is taken from; kNew: it starts at 0
  int rank;
  int position;
};

// Side by side: no edit writes what another reads or writes. `edits`: in device memory.
// cudaErrorInvalidValue: null, count above INT_MAX.
[[nodiscard]] cudaError_t EditSlotStatesOnDevice(const SlotEdit* edits, size_t count, cudaStream_t stream);

}  // namespace kvscope
