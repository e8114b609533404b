// How much longer a candidate takes than its base.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/score/score_folder.h"

namespace kvscope {

// Times of a run, by repetition and sample. A run without repetitions has one, 0.
using RunTimes = std::map<std::pair<int, std::string>, TimeRecord>;

// From the samples' records and `repetitions.jsonl`; its bad lines are appended to `problems`. Empty in
// accuracy mode.
absl::StatusOr<RunTimes> ReadTimes(const JudgedRun& run, std::vector<std::string>& problems);

// "ttft" (prefill and compression), "step_p50", "step_p99" (decode steps of a sample), "total".
std::vector<std::string> LatencyMetrics();

struct LatencyComparison {
  std::string metric;
  // What a pair is: "repetition" where both runs have at least six of the same ones, which is what an
  // interval takes: samples of one repetition are slow together, so their log ratios are averaged. Else
  // "sample", averaged over repetitions.
  std::string unit;
  std::vector<double> log_ratios;  // ln(candidate / base), one a pair
};

// One a metric, over the times that both runs have; empty where they share none. Times of 0 are left out.
std::vector<LatencyComparison> CompareLatency(const RunTimes& base, const RunTimes& candidate);

}  // namespace kvscope
