// Scores of a run's folder, offline: from its prompts and samples alone.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/prompt.h"
#include "eval/scorers/score.h"
#include "nlohmann/json.hpp"
#include "results/run_store.h"

namespace kvscope {

// A sample with what it is judged by. The scorers' questions stand in the order of the prompt's.
struct JudgedSample {
  SampleRecord record;
  Prompt prompt;
  SampleScore clean;
  SampleScore published;
};

struct JudgedRun {
  std::string folder;
  RunRecord run;
  std::vector<JudgedSample> samples;  // in the order of the run's prompts
  // What could not be used, by file and line; the rest is judged. Empty: the folder is sound.
  std::vector<std::string> problems;

  // REQUIRES: `scorer` is one of ScorerNames().
  RunScore Score(std::string_view scorer) const;
  const SampleScore& Of(const JudgedSample& sample, std::string_view scorer) const;
};

// "clean", "published"
std::vector<std::string> ScorerNames();

// NotFound when `folder` holds no run, or no prompts.
absl::StatusOr<JudgedRun> JudgeRun(const std::string& folder);

// Every folder with a run.json at or below `paths`, sorted, each once. NotFound naming a path that has none.
absl::StatusOr<std::vector<std::string>> FindRuns(const std::vector<std::string>& paths);

// One element of `score --json`: {run, run_id, model, task, length, method, window, semantics, mode, status,
// finish, and the fields of ToJson(RunScore)}.
nlohmann::json ScoreReport(const JudgedRun& run, std::string_view scorer);

// scores.json: {schema, status, scorers: {name: report with `by_sample`}}, by every scorer.
absl::Status WriteScores(const JudgedRun& run);

}  // namespace kvscope
