#include "eval/sweep/knee.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>

#include "eval/score/score_folder.h"
#include "eval/scorers/clean.h"
#include "eval/stats/equivalence.h"
#include "eval/stats/group_sequential.h"
#include "eval/stats/paired_mean.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr std::string_view kFull = "full";

// What two cells of one curve have in common.
std::string CurveKey(const CellRun& run) {
  nlohmann::json config = ToJson(run.cell->run.config);
  for (const char* budget : {"window", "recent"}) config.erase(budget);
  return DumpJson(config) + run.cell->run.data_sha256;
}

// Percent of its questions that each of the first `prompts` got right. REQUIRES: they have records.
absl::StatusOr<std::vector<double>> Percents(const CellRun& run, size_t prompts) {
  ASSIGN_OR_RETURN(const JudgedRun judged, JudgeRun(run.store->folder()));
  std::map<std::string, double> by_sample;
  for (const JudgedSample& sample : judged.samples)
    by_sample[sample.record.sample] = 100 * judged.Of(sample, kCleanScorer).Fraction();
  std::vector<double> percents;
  for (size_t i = 0; i < prompts; ++i) {
    const auto found = by_sample.find(run.cell->data->prompts[i].sample);
    if (found == by_sample.end())
      return absl::DataLossError(fmt::format("{}: sample '{}' has no record", run.store->folder(),
                                             run.cell->data->prompts[i].sample));
    percents.push_back(found->second);
  }
  return percents;
}

// Fewer may agree by chance, and a t test without spread would take that for a proof.
constexpr size_t kFewestPrompts = 6;

// Prompts at each look: equal shares, each more than the one before.
std::vector<size_t> PromptsByLook(size_t prompts, int looks) {
  std::vector<size_t> counts;
  for (int look = 1; look <= looks; ++look) {
    const size_t count =
        (prompts * static_cast<size_t>(look) + static_cast<size_t>(looks) - 1) / static_cast<size_t>(looks);
    if (count >= std::max<size_t>(2, std::min(prompts, kFewestPrompts)) &&
        (counts.empty() || count > counts.back()))
      counts.push_back(count);
  }
  return counts;
}

class KneeSearch {
 public:
  KneeSearch(const EngineOptions& engine, const KneeOptions& options, const RunCallbacks& callbacks)
      : engine_(engine), options_(options), callbacks_(callbacks) {}

  // `windows`: the curve's cells, largest window first.
  absl::StatusOr<Knee> Find(const CellRun& full, const std::vector<CellRun>& windows) const;

 private:
  absl::StatusOr<KneeStep> Test(const CellRun& full, const CellRun& candidate) const;

  const EngineOptions& engine_;
  const KneeOptions& options_;
  const RunCallbacks& callbacks_;
};

absl::StatusOr<KneeStep> KneeSearch::Test(const CellRun& full, const CellRun& candidate) const {
  const std::vector<size_t> counts = PromptsByLook(full.cell->data->prompts.size(), options_.looks);
  if (counts.empty())
    return absl::InvalidArgumentError(
        fmt::format("{}: a knee takes at least 2 prompts", full.store->folder()));
  std::vector<double> information;
  for (const size_t count : counts)
    information.push_back(static_cast<double>(count) / static_cast<double>(counts.back()));
  ASSIGN_OR_RETURN(const std::vector<Look> looks, SpendAlpha(information, options_.alpha));

  KneeStep step{.window = *candidate.cell->run.config.window,
                .recent = candidate.cell->run.config.recent.value_or(0)};
  for (size_t look = 0; look < looks.size(); ++look) {
    step.prompts = counts[look];
    CellRun both[] = {full, candidate};
    for (CellRun& run : both) run.prompts = step.prompts;
    RETURN_IF_ERROR(RunCells(both, engine_, callbacks_));
    ASSIGN_OR_RETURN(const std::vector<double> base, Percents(full, step.prompts));
    ASSIGN_OR_RETURN(std::vector<double> differences, Percents(candidate, step.prompts));
    for (size_t i = 0; i < base.size(); ++i) differences[i] -= base[i];
    const std::optional<PairedMean> paired = SummarizePaired(differences);
    step.difference_points = paired->mean;
    step.not_inferior_p = NonInferiorityP(*paired, options_.margin_points);
    step.nominal_alpha = looks[look].nominal_alpha;
    if (step.not_inferior_p <= step.nominal_alpha) step.decision = KneeDecision::kNotInferior;
    if (1 - step.not_inferior_p <= step.nominal_alpha) step.decision = KneeDecision::kInferior;
    if (step.decision != KneeDecision::kUndecided) break;
  }
  return step;
}

absl::StatusOr<Knee> KneeSearch::Find(const CellRun& full, const std::vector<CellRun>& windows) const {
  Knee knee;
  knee.cell = std::filesystem::path(windows.front().store->folder()).filename();
  for (const CellRun& candidate : windows) {
    ASSIGN_OR_RETURN(const KneeStep step, Test(full, candidate));
    knee.steps.push_back(step);
    if (step.decision != KneeDecision::kNotInferior) return knee;
    knee.window = step.window;
  }
  knee.smallest_of_plan = true;
  return knee;
}

}  // namespace

std::string_view Name(KneeDecision decision) {
  switch (decision) {
    case KneeDecision::kNotInferior:
      return "not inferior";
    case KneeDecision::kInferior:
      return "inferior";
    case KneeDecision::kUndecided:
      return "undecided";
  }
  return "undecided";
}

nlohmann::json ToJson(const Knee& knee, const KneeOptions& options) {
  nlohmann::json steps = nlohmann::json::array();
  for (const KneeStep& step : knee.steps)
    steps.push_back({{"window", step.window},
                     {"recent", step.recent},
                     {"prompts", step.prompts},
                     {"difference_points", step.difference_points},
                     {"not_inferior_p", step.not_inferior_p},
                     {"nominal_alpha", step.nominal_alpha},
                     {"decision", Name(step.decision)}});
  return {{"cell", knee.cell},
          {"window", knee.window ? nlohmann::json(*knee.window) : nlohmann::json()},
          {"smallest_of_plan", knee.smallest_of_plan},
          {"margin_points", options.margin_points},
          {"alpha", options.alpha},
          {"looks", options.looks},
          {"steps", std::move(steps)}};
}

absl::StatusOr<std::vector<Knee>> FindKnees(std::span<const CellRun> runs, const EngineOptions& engine,
                                            const KneeOptions& options, const RunCallbacks& callbacks) {
  std::map<std::string, std::vector<CellRun>> curves;
  for (const CellRun& run : runs)
    if (run.cell->run.config.window) curves[CurveKey(run)].push_back(run);
  const KneeSearch search(engine, options, callbacks);
  std::vector<Knee> knees;
  for (auto& [key, windows] : curves) {
    const Cell& first = *windows.front().cell;
    const auto full = std::ranges::find_if(runs, [&](const CellRun& run) {
      return run.cell->run.config.method == kFull && run.cell->data == first.data;
    });
    if (full == runs.end())
      return absl::InvalidArgumentError(
          fmt::format("{}: a knee is found against the method 'full', which the plan does not have for the "
                      "same prompts",
                      windows.front().store->folder()));
    std::ranges::sort(windows, std::ranges::greater{}, [](const CellRun& run) {
      return std::pair(*run.cell->run.config.window, run.cell->run.config.recent.value_or(0));
    });
    ASSIGN_OR_RETURN(Knee knee, search.Find(*full, windows));
    knees.push_back(std::move(knee));
  }
  return knees;
}

}  // namespace kvscope
