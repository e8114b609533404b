// timing.json: what a run took, over its samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "results/run_store.h"

namespace kvscope {

// Of the process that wrote it last.
struct TimingRecord {
  std::optional<double> wall_s;  // model loaded to last record; of an emulated device nothing is timed
  size_t samples = 0;            // that it generated
  uint64_t scratch_bytes = 0;
  std::map<std::string, size_t> device_bytes_peak;  // as Backend says
  nlohmann::json device_before, device_after;       // DeviceState when the samples began and ended
  uint64_t peak_rss_bytes = 0;
  bool warm_up = false;
};

// {mode, threads, batch, wall_s, samples, scratch_bytes, device_bytes_peak, device_state, warm_up,
// peak_rss_bytes}; in timing mode also, as {mean, p50, min, max} over all samples: prefill_s, compress_s,
// ttft_s (prefill and compression), decode_s, select_s, step_p50_s, step_p99_s.
absl::Status WriteTiming(const RunStore& store, const TimingRecord& timing);

}  // namespace kvscope
