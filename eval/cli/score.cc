#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "eval/cli/command.h"
#include "eval/score/explain.h"
#include "eval/score/score_folder.h"
#include "eval/scorers/clean.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

struct Options {
  std::vector<std::string> folders;
  std::string scorer{kCleanScorer};
  std::string explain;
  bool json = false;
};

void PrintTable(const std::vector<nlohmann::json>& reports) {
  const auto text = [](const nlohmann::json& value) {
    return value.is_null() ? std::string("-") : value.is_string() ? value.get<std::string>() : value.dump();
  };
  size_t width = 3;
  for (const auto& report : reports) width = std::max(width, text(report["run"]).size());
  fmt::print("{:<{}}  {:<8} {:<26} {:>6} {:>9} {:>7} {:>9} {:>8} {:>10} {:>7} {:>7}\n", "run", width, "task",
             "method", "window", "score %", "samples", "questions", "answered", "unparsable", "missing",
             "overrun");
  for (const auto& report : reports) {
    fmt::print("{:<{}}  {:<8} {:<26} {:>6} {:>9.4f} {:>7} {:>9} {:>8} {:>10} {:>7} {:>7}\n",
               text(report["run"]), width, text(report["task"]), text(report["method"]),
               text(report["window"]), report["score_percent"].get<double>(), text(report["samples"]),
               text(report["questions"]), text(report["answered"]), text(report["unparsable"]),
               text(report["missing"]), text(report["overrun"]));
  }
}

// Kept going over: a folder that cannot be read does not hide the others' scores.
absl::StatusOr<ExitCode> Score(const Options& options) {
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, FindRuns(options.folders));
  std::vector<nlohmann::json> reports;
  bool sound = true, explained = false;
  for (const std::string& folder : folders) {
    const absl::StatusOr<JudgedRun> run = JudgeRun(folder);
    if (!run.ok()) {
      fmt::print(stderr, "kvscope score: {}\n", std::string(run.status().message()));
      sound = false;
      continue;
    }
    for (const std::string& problem : run->problems) fmt::print(stderr, "kvscope score: {}\n", problem);
    sound = sound && run->problems.empty();
    if (!options.explain.empty()) {
      for (const JudgedSample& sample : run->samples) {
        if (sample.prompt.sample != options.explain) continue;
        fmt::print("{}", Explain(*run, sample));
        explained = true;
      }
      continue;
    }
    RETURN_IF_ERROR(WriteScores(*run));
    reports.push_back(ScoreReport(*run, options.scorer));
  }
  if (!options.explain.empty() && !explained)
    return absl::InvalidArgumentError(fmt::format("--explain: no run has a sample '{}'", options.explain));
  if (options.explain.empty()) {
    if (options.json)
      fmt::print("{}\n", DumpJson(reports, 2));
    else
      PrintTable(reports);
  }
  return sound ? ExitCode::kDone : ExitCode::kIncomplete;
}

}  // namespace

Action AddScore(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command.add_option("DIR", options->folders, "Run folders, or folders that hold some")->required();
  command.add_option("--scorer", options->scorer, "How answers are read: clean, published")
      ->check(CLI::IsMember(ScorerNames()))
      ->capture_default_str();
  command.add_option("--explain", options->explain, "Show question by question how this sample was judged");
  AddJsonFlag(command, &options->json);
  return [options] { return Score(*options); };
}

}  // namespace kvscope
