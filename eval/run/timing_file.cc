#include "eval/run/timing_file.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/metrics/quantile.h"
#include "results/base/seal.h"

namespace kvscope {
namespace {

nlohmann::json Summary(const RunStore& store, const std::function<double(const TimeRecord&)>& value) {
  std::vector<double> values;
  for (const SampleRecord& record : store.records())
    if (record.time) values.push_back(value(*record.time));
  if (values.empty()) return nullptr;
  return {{"mean", MeanWithInterval(values)->mean},
          {"p50", *Quantile(values, 0.5)},
          {"min", std::ranges::min(values)},
          {"max", std::ranges::max(values)}};
}

}  // namespace

absl::Status WriteTiming(const RunStore& store, const TimingRecord& timing) {
  const RunRecord& run = store.run();
  nlohmann::json out = {{"schema", kRecordSchema},
                        {"mode", run.config.mode},
                        {"threads", run.execution.value("threads", 0)},
                        {"batch", run.execution.value("batch", 0)},
                        {"wall_s", nullptr},
                        {"samples", timing.samples},
                        {"scratch_bytes", timing.scratch_bytes},
                        {"warm_up", timing.warm_up},
                        {"peak_rss_bytes", timing.peak_rss_bytes}};
  if (timing.wall_s) out["wall_s"] = *timing.wall_s;
  if (!timing.device_bytes_peak.empty()) out["device_bytes_peak"] = timing.device_bytes_peak;
  if (!timing.device_after.is_null())
    out["device_state"] = {{"before", timing.device_before}, {"after", timing.device_after}};
  if (run.config.mode == "timing") {
    out["prefill_s"] = Summary(store, [](const TimeRecord& t) { return t.prefill_s; });
    out["compress_s"] = Summary(store, [](const TimeRecord& t) { return t.compress_s; });
    out["ttft_s"] = Summary(store, [](const TimeRecord& t) { return t.prefill_s + t.compress_s; });
    out["decode_s"] = Summary(store, [](const TimeRecord& t) { return t.decode_s; });
    out["select_s"] = Summary(store, [](const TimeRecord& t) { return t.select_s; });
    out["step_p50_s"] = Summary(store, [](const TimeRecord& t) { return t.step_p50_s; });
    out["step_p99_s"] = Summary(store, [](const TimeRecord& t) { return t.step_p99_s; });
  }
  return WriteSealedFile(RunPath(store.folder(), kTimingFile), out);
}

}  // namespace kvscope
