// What a sequence's cache took: memory and time, as measured where the work was done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvscope {

// Memory of one sequence's cache, as if it shared none with others. A slot holds one token's key and value of
// one cached head in one layer; cached heads are the KV heads in clean semantics and the query heads in
// published ones.
struct KvUse {
  size_t peak_bytes =
      0;  // slots in use x head_dim x 2 x element size, largest over prefill's end and the steps
  size_t end_bytes = 0;  // the same after the last step
  double decode_mean_bytes =
      0;  // the same, mean over decode steps, as attended to: before the step's eviction
  size_t prefill_peak_bytes = 0;  // while compressing: caches done so far and one layer's whole prompt
  size_t allocated_bytes = 0;  // what the allocator held at its largest while decoding: slots come in pages
  size_t score_bytes = 0;      // scores that the method keeps from step to step, at their largest
  std::vector<int> tokens_by_layer;  // [layers]: most tokens a head of that layer attended to while decoding
  // [layers]: most tokens that the method may hold after evicting; -1: no limit. A step attends to one more.
  std::vector<int> requested_tokens;
  uint64_t evictions = 0;   // slots given up in prefill and decoding, over all layers and heads
  uint64_t moved_rows = 0;  // rows that evictions moved in memory

  friend bool operator==(const KvUse&, const KvUse&) = default;
};

// Wall time of one sequence's phases; the decode steps' shared by all rows of a batch.
struct PhaseTimes {
  double prefill_s = 0;        // exact prefill, compression left out
  double compress_s = 0;       // scores and compression of the prompt's cache
  double decode_s = 0;         // all decode steps
  double select_s = 0;         // of decode_s: selection and eviction
  std::vector<double> step_s;  // each decode step
};

}  // namespace kvscope
