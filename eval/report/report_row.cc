#include "eval/report/report_row.h"

#include <algorithm>
#include <functional>
#include <map>
#include <tuple>

#include "eval/metrics/quantile.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr std::string_view kUncompressed = "full";

// The samples that say it.
template <typename Get>
std::vector<double> Values(const JudgedRun& run, Get get) {
  std::vector<double> values;
  for (const JudgedSample& sample : run.samples)
    if (const std::optional<double> value = get(sample.record)) values.push_back(*value);
  return values;
}

std::optional<double> Mean(const std::vector<double>& values) {
  const auto interval = MeanWithInterval(values);
  return interval ? std::optional(interval->mean) : std::nullopt;
}

template <typename Get>
std::optional<double> MeanOfKv(const JudgedRun& run, Get get) {
  return Mean(Values(run, [&](const SampleRecord& record) -> std::optional<double> {
    return record.kv ? std::optional<double>(get(*record.kv)) : std::nullopt;
  }));
}

template <typename Get>
std::optional<double> MedianOfTime(const JudgedRun& run, Get get) {
  return Quantile(Values(run,
                         [&](const SampleRecord& record) -> std::optional<double> {
                           return record.time ? std::optional<double>(get(*record.time)) : std::nullopt;
                         }),
                  0.5);
}

std::vector<std::string> Warnings(const JudgedRun& run, const ReportRow& row) {
  std::vector<std::string> warnings;
  if (run.run.status != RunStatus::kComplete)
    warnings.push_back(fmt::format("{}: {} of {} samples ({}: {})", run.folder, run.samples.size(),
                                   run.run.samples_expected, Name(run.run.status), run.run.reason));
  if (run.run.config.method != kUncompressed && row.evictions == 0)
    warnings.push_back(
        fmt::format("{}: {} never evicted anything: its budgets are larger than these prompts and answers",
                    run.folder, run.run.config.method));
  for (const std::string& problem : run.problems) warnings.push_back(problem);
  return warnings;
}

ReportRow MakeRow(const JudgedRun& run, std::string_view scorer) {
  ReportRow row;
  row.config = run.run.config;
  row.score = run.Score(scorer);
  std::vector<double> percents;
  for (const JudgedSample& sample : run.samples) percents.push_back(100 * run.Of(sample, scorer).Fraction());
  row.accuracy = MeanWithInterval(percents);
  row.kv_peak_bytes = MeanOfKv(run, [](const KvRecord& kv) { return static_cast<double>(kv.peak_bytes); });
  row.evictions = MeanOfKv(run, [](const KvRecord& kv) { return static_cast<double>(kv.evictions); });
  row.prefill_s = MedianOfTime(run, [](const TimeRecord& time) { return time.prefill_s; });
  row.ttft_s = MedianOfTime(run, [](const TimeRecord& time) { return time.prefill_s + time.compress_s; });
  row.step_p50_s = MedianOfTime(run, [](const TimeRecord& time) { return time.step_p50_s; });
  row.step_p99_s = MedianOfTime(run, [](const TimeRecord& time) { return time.step_p99_s; });
  row.warnings = Warnings(run, row);
  return row;
}

std::string Title(const RunConfig& config) {
  const std::string size = config.length.empty() ? "" : fmt::format("{}, ", config.length);
  return fmt::format("{}, {}{} questions a prompt, {}, {}", config.task, size, config.questions, config.model,
                     config.semantics);
}

// Only runs of the same cache type say how much of the uncompressed cache a method holds.
void AddShares(std::vector<ReportRow>& rows) {
  std::map<std::string, double> full_bytes;
  for (const ReportRow& row : rows)
    if (row.config.method == kUncompressed && row.kv_peak_bytes)
      full_bytes[row.config.kv] = *row.kv_peak_bytes;
  for (ReportRow& row : rows) {
    const auto full = full_bytes.find(row.config.kv);
    if (full != full_bytes.end() && full->second > 0 && row.kv_peak_bytes)
      row.kv_share = *row.kv_peak_bytes / full->second;
  }
}

auto Order(const ReportRow& row) {
  return std::tuple(row.config.method != kUncompressed, row.config.method,
                    row.config.prefill_budget.value_or(0), row.config.window.value_or(0), row.config.kv);
}

}  // namespace

std::vector<ReportGroup> MakeReport(const std::vector<JudgedRun>& runs, std::string_view scorer) {
  std::map<std::string, std::vector<ReportRow>> by_title;
  for (const JudgedRun& run : runs) by_title[Title(run.run.config)].push_back(MakeRow(run, scorer));
  std::vector<ReportGroup> groups;
  for (auto& [title, rows] : by_title) {
    std::ranges::stable_sort(rows, {}, Order);
    AddShares(rows);
    groups.push_back({title, std::move(rows)});
  }
  return groups;
}

}  // namespace kvscope
