#include "eval/report/group_warnings.h"

#include <algorithm>
#include <set>
#include <string>

#include "eval/verify/duplicates.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

void AppendOwnWarnings(const JudgedRun& run, const ReportRow& row, size_t at,
                       std::vector<ReportWarning>& warnings) {
  const auto add = [&](std::string message) { warnings.push_back({{at}, std::move(message)}); };
  if (run.run.status != RunStatus::kComplete)
    add(fmt::format("{} of {} samples ({}: {})", run.samples.size(), run.run.samples_expected,
                    Name(run.run.status), run.run.reason));
  if (row.termination.error > 0)
    add(fmt::format("{} of {} samples ended in an error and count as wrong; the first: {}",
                    row.termination.error, run.samples.size(), row.termination.first_error));
  // With a budget, FindDuplicates says it.
  const RunConfig& config = run.run.config;
  if (config.method != kUncompressedMethod && !config.prefill_budget && !config.window && row.ledger &&
      row.ledger->evictions == 0)
    add(fmt::format("{} never evicted anything", config.method));
  for (const nlohmann::json& note : run.run.execution.value("notes", nlohmann::json::array()))
    if (note.is_string()) add(note.get<std::string>());
  for (const std::string& problem : run.problems) add(problem);
}

// The rows for which `is` holds.
template <typename Is>
std::vector<size_t> RowsWhere(std::span<const ReportRow> rows, Is is) {
  std::vector<size_t> where;
  for (size_t i = 0; i < rows.size(); ++i)
    if (is(rows[i])) where.push_back(i);
  return where;
}

void AppendFewPrompts(std::span<const ReportRow> rows, std::vector<ReportWarning>& warnings) {
  const std::vector<size_t> few =
      RowsWhere(rows, [](const ReportRow& row) { return row.score.samples < kFewPrompts; });
  if (few.empty()) return;
  int fewest = rows[few.front()].score.samples, most = fewest;
  for (const size_t i : few) {
    fewest = std::min(fewest, rows[i].score.samples);
    most = std::max(most, rows[i].score.samples);
  }
  const std::string count = fewest == most ? std::to_string(most) : fmt::format("{} to {}", fewest, most);
  warnings.push_back(
      {few, fmt::format(
                "only {} prompt{}, fewer than {}: the intervals are guesses, differences between runs mean "
                "little",
                count, most == 1 ? "" : "s", kFewPrompts)});
}

void AppendOtherPrompts(std::span<const ReportRow> rows, std::vector<ReportWarning>& warnings) {
  std::set<std::string> data, models;
  for (const ReportRow& row : rows) {
    data.insert(row.run.data_sha256);
    models.insert(row.run.model_sha256);
  }
  if (data.size() > 1)
    warnings.push_back({{},
                        fmt::format("these runs answer {} different sets of prompts (data SHA-256, see "
                                    "provenance): differences may be the prompts'",
                                    data.size())});
  if (models.size() > 1)
    warnings.push_back({{},
                        fmt::format("these runs use {} different models of the same name (model SHA-256, see "
                                    "provenance)",
                                    models.size())});
}

}  // namespace

std::vector<ReportWarning> GroupWarnings(std::span<const JudgedRun> runs, std::span<const ReportRow> rows) {
  std::vector<ReportWarning> warnings;
  AppendOtherPrompts(rows, warnings);
  for (size_t i = 0; i < rows.size(); ++i) AppendOwnWarnings(runs[i], rows[i], i, warnings);
  for (const Finding& finding : FindDuplicates(runs)) {
    warnings.push_back({RowsWhere(rows,
                                  [&](const ReportRow& row) {
                                    return std::ranges::find(finding.runs, row.folder) != finding.runs.end();
                                  }),
                        finding.message});
  }
  AppendFewPrompts(rows, warnings);
  return warnings;
}

}  // namespace kvscope
