// timing.json: what a run took, over its samples.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "results/run_store.h"

namespace kvscope {

// Of the process that wrote it last.
struct TimingRecord {
  double wall_s = 0;   // model loaded to last record
  size_t samples = 0;  // that it generated
  uint64_t scratch_bytes = 0;
  uint64_t peak_rss_bytes = 0;
  bool warm_up = false;
};

// {mode, threads, batch, wall_s, samples, scratch_bytes, warm_up, peak_rss_bytes}; in timing mode also, as
// {mean, p50, min, max} over all samples: prefill_s, compress_s, ttft_s (prefill and compression), decode_s,
// select_s, step_p50_s, step_p99_s.
absl::Status WriteTiming(const RunStore& store, const TimingRecord& timing);

}  // namespace kvscope
