#include "eval/compare/compare_runs.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "eval/compare/compare_cell.h"
#include "eval/compare/pairing.h"
#include "eval/stats/holm.h"
#include "results/base/status_macros.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

DifferenceVerdict VerdictOf(const AccuracyDifference& accuracy, double alpha) {
  if (accuracy.adjusted_p <= alpha && accuracy.points != 0)
    return accuracy.points > 0 ? DifferenceVerdict::kBetter : DifferenceVerdict::kWorse;
  if (accuracy.equivalence_p && *accuracy.equivalence_p <= alpha) return DifferenceVerdict::kEquivalent;
  return DifferenceVerdict::kNoDifferenceShown;
}

void AdjustForTheGrid(Comparison& comparison) {
  std::vector<double> p_values;
  for (const CellComparison& cell : comparison.cells) p_values.push_back(cell.accuracy.sign_flip_p);
  const std::vector<double> adjusted = HolmAdjusted(p_values);
  for (size_t i = 0; i < adjusted.size(); ++i) {
    CellComparison& cell = comparison.cells[i];
    cell.accuracy.adjusted_p = adjusted[i];
    cell.verdict = VerdictOf(cell.accuracy, comparison.options.alpha);
  }
}

absl::StatusOr<std::vector<JudgedRun>> JudgeRuns(const std::string& path, std::vector<std::string>& gaps) {
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, FindRuns({path}));
  std::vector<JudgedRun> runs;
  for (const std::string& folder : folders) {
    absl::StatusOr<JudgedRun> run = JudgeRun(folder);
    if (run.ok())
      runs.push_back(*std::move(run));
    else
      gaps.emplace_back(run.status().message());
  }
  if (runs.empty()) return absl::DataLossError(gaps.back());
  return runs;
}

}  // namespace

std::string_view Name(DifferenceVerdict verdict) {
  switch (verdict) {
    case DifferenceVerdict::kBetter:
      return "better";
    case DifferenceVerdict::kWorse:
      return "worse";
    case DifferenceVerdict::kEquivalent:
      return "equivalent within margin";
    case DifferenceVerdict::kNoDifferenceShown:
      return "no difference shown";
  }
  return "no difference shown";
}

bool Comparison::IsComplete() const {
  return gaps.empty() &&
         std::ranges::all_of(cells, [](const CellComparison& cell) { return cell.gaps.empty(); });
}

absl::StatusOr<Comparison> CompareRuns(std::span<const JudgedRun> base, std::span<const JudgedRun> candidate,
                                       bool base_for_all, const CompareOptions& options) {
  ASSIGN_OR_RETURN(Pairing pairing, PairRuns(base, candidate, base_for_all));
  Comparison comparison;
  comparison.options = options;
  comparison.gaps = std::move(pairing.unmatched);
  for (const RunPair& pair : pairing.pairs) {
    ASSIGN_OR_RETURN(CellComparison cell, CompareCell(pair, options));
    comparison.cells.push_back(std::move(cell));
  }
  AdjustForTheGrid(comparison);
  return comparison;
}

absl::StatusOr<Comparison> CompareFolders(const std::string& base, const std::string& candidate,
                                          const CompareOptions& options) {
  std::vector<std::string> gaps;
  ASSIGN_OR_RETURN(const std::vector<JudgedRun> base_runs, JudgeRuns(base, gaps));
  ASSIGN_OR_RETURN(const std::vector<JudgedRun> candidate_runs, JudgeRuns(candidate, gaps));
  const bool base_is_a_run = base_runs.size() == 1 && std::filesystem::exists(RunPath(base, kRunFile));
  ASSIGN_OR_RETURN(Comparison comparison, CompareRuns(base_runs, candidate_runs, base_is_a_run, options));
  comparison.gaps.insert(comparison.gaps.begin(), gaps.begin(), gaps.end());
  return comparison;
}

}  // namespace kvscope
