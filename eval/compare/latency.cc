#include "eval/compare/latency.h"

#include <array>
#include <cmath>
#include <set>

#include "results/base/status_macros.h"
#include "results/repetitions.h"

namespace kvscope {
namespace {

constexpr size_t kFewestRepetitions = 6;

struct Metric {
  std::string_view name;
  double (*seconds)(const TimeRecord& time);
};

constexpr std::array kMetrics = {
    Metric{"ttft", [](const TimeRecord& time) { return time.prefill_s + time.compress_s; }},
    Metric{"step_p50", [](const TimeRecord& time) { return time.step_p50_s; }},
    Metric{"step_p99", [](const TimeRecord& time) { return time.step_p99_s; }},
    Metric{"total", [](const TimeRecord& time) { return time.prefill_s + time.compress_s + time.decode_s; }}};

bool ByRepetition(const RunTimes& base, const RunTimes& candidate) {
  std::set<int> shared;
  for (const auto& [key, time] : base)
    if (candidate.contains(key)) shared.insert(key.first);
  return shared.size() >= kFewestRepetitions;
}

}  // namespace

absl::StatusOr<RunTimes> ReadTimes(const JudgedRun& run, std::vector<std::string>& problems) {
  RunTimes times;
  for (const JudgedSample& sample : run.samples)
    if (sample.record.time) times[{0, sample.record.sample}] = *sample.record.time;
  ASSIGN_OR_RETURN(const std::vector<Repetition> repetitions, ReadRepetitions(run.folder, problems));
  for (const Repetition& repetition : repetitions)
    times[{repetition.repetition, repetition.sample}] = repetition.time;
  return times;
}

std::vector<std::string> LatencyMetrics() {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics) names.emplace_back(metric.name);
  return names;
}

std::vector<LatencyComparison> CompareLatency(const RunTimes& base, const RunTimes& candidate) {
  const bool by_repetition = ByRepetition(base, candidate);
  std::vector<LatencyComparison> comparisons;
  for (const Metric& metric : kMetrics) {
    struct Sum {
      double total = 0;
      int count = 0;
    };
    std::map<std::string, Sum> sums;  // by repetition or by sample
    for (const auto& [key, time] : base) {
      const auto other = candidate.find(key);
      if (other == candidate.end()) continue;
      const double before = metric.seconds(time), after = metric.seconds(other->second);
      if (!(before > 0 && after > 0)) continue;
      Sum& sum = sums[by_repetition ? std::to_string(key.first) : key.second];
      sum.total += std::log(after / before);
      ++sum.count;
    }
    if (sums.empty()) continue;
    LatencyComparison& comparison = comparisons.emplace_back();
    comparison.metric = metric.name;
    comparison.unit = by_repetition ? "repetition" : "sample";
    for (const auto& [unit, sum] : sums) comparison.log_ratios.push_back(sum.total / sum.count);
  }
  return comparisons;
}

}  // namespace kvscope
