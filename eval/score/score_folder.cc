#include "eval/score/score_folder.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "eval/score/prompt_file.h"
#include "eval/scorers/clean.h"
#include "eval/scorers/published.h"
#include "fmt/format.h"
#include "results/base/seal.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr const char* kUnknownFinish = "unknown";  // imported runs do not say

nlohmann::json OrNull(const std::optional<int>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

nlohmann::json FinishCounts(const JudgedRun& run) {
  std::map<std::string, int> counts;
  for (const JudgedSample& sample : run.samples)
    ++counts[sample.record.finish ? std::string(Name(*sample.record.finish)) : kUnknownFinish];
  return counts;
}

// Adds run folders at or below `path`.
void CollectRuns(const std::string& path, std::set<std::string>& runs) {
  std::error_code error;
  if (std::filesystem::exists(RunPath(path, kRunFile), error)) {
    runs.insert(path);
    return;
  }
  for (const auto& entry : std::filesystem::directory_iterator(path, error))
    if (entry.is_directory(error)) CollectRuns(entry.path().string(), runs);
}

std::string WithoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

}  // namespace

std::vector<std::string> ScorerNames() { return {std::string(kCleanScorer), std::string(kPublishedScorer)}; }

const SampleScore& JudgedRun::Of(const JudgedSample& sample, std::string_view scorer) const {
  return scorer == kPublishedScorer ? sample.published : sample.clean;
}

RunScore JudgedRun::Score(std::string_view scorer) const {
  std::vector<SampleScore> scores;
  for (const JudgedSample& sample : samples) scores.push_back(Of(sample, scorer));
  return Summarize(scorer, scores);
}

absl::StatusOr<JudgedRun> JudgeRun(const std::string& folder) {
  ASSIGN_OR_RETURN(RunFolder read, ReadRunFolder(folder));
  JudgedRun judged{.folder = folder, .run = std::move(read.run), .samples = {}, .problems = {}};
  judged.problems = std::move(read.problems);
  const std::string samples_path = RunPath(folder, kSamplesFile);
  ASSIGN_OR_RETURN(auto prompts, ReadPromptFile(RunPath(folder, kPromptsFile), judged.problems));
  for (SampleRecord& record : read.samples) {
    const auto prompt = prompts.find(record.sample);
    if (prompt == prompts.end()) {
      judged.problems.push_back(
          fmt::format("{}: sample '{}' has no prompt in {}", samples_path, record.sample, kPromptsFile));
      continue;
    }
    if (record.prompt_sha256 != prompt->second.Hash()) {
      judged.problems.push_back(fmt::format("{}: sample '{}': prompt_sha256: expected {}, found {}",
                                            samples_path, record.sample, prompt->second.Hash(),
                                            record.prompt_sha256));
      continue;
    }
    JudgedSample& sample = judged.samples.emplace_back();
    sample.prompt = std::move(prompt->second);
    sample.clean = ScoreClean(sample.prompt, record.text);
    sample.published = ScorePublished(sample.prompt, record.text);
    sample.record = std::move(record);
  }
  std::ranges::sort(judged.samples, {},
                    [](const JudgedSample& s) -> const std::string& { return s.prompt.sample; });
  return judged;
}

absl::StatusOr<std::vector<std::string>> FindRuns(const std::vector<std::string>& paths) {
  std::set<std::string> runs;
  for (const std::string& path : paths) {
    std::set<std::string> found;
    CollectRuns(WithoutTrailingSlash(path), found);
    if (found.empty()) return absl::NotFoundError(fmt::format("{}: no {} here or below", path, kRunFile));
    runs.merge(found);
  }
  return std::vector<std::string>(runs.begin(), runs.end());
}

nlohmann::json ScoreReport(const JudgedRun& run, std::string_view scorer) {
  const RunConfig& config = run.run.config;
  nlohmann::json report = ToJson(run.Score(scorer));
  report["run"] = run.folder;
  report["run_id"] = RunId(run.run);
  report["model"] = config.model;
  report["task"] = config.task;
  report["length"] = config.length.empty() ? nlohmann::json() : nlohmann::json(config.length);
  report["method"] = config.method;
  report["prefill_budget"] = OrNull(config.prefill_budget);
  report["window"] = OrNull(config.window);
  report["recent"] = OrNull(config.recent);
  report["semantics"] = config.semantics;
  report["mode"] = config.mode;
  report["status"] = Name(run.run.status);
  report["finish"] = FinishCounts(run);
  return report;
}

absl::Status WriteScores(const JudgedRun& run) {
  nlohmann::json scorers;
  for (const std::string& scorer : ScorerNames()) {
    nlohmann::json report = ScoreReport(run, scorer);
    report.erase("run");  // a folder may be moved
    for (const JudgedSample& sample : run.samples) {
      const SampleScore& score = run.Of(sample, scorer);
      report["by_sample"][score.sample] = {{"correct", score.Count(Verdict::kCorrect)},
                                           {"questions", score.questions.size()}};
    }
    scorers[scorer] = std::move(report);
  }
  const nlohmann::json content = {
      {"schema", kRecordSchema}, {"status", Name(run.run.status)}, {"scorers", std::move(scorers)}};
  return WriteSealedFile(RunPath(run.folder, kScoresFile), content);
}

}  // namespace kvscope
