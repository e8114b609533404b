#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "eval/cli/command.h"
#include "eval/score/score_folder.h"
#include "eval/verify/alike_claims.h"
#include "eval/verify/check_claims.h"
#include "eval/verify/duplicates.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr std::array kVerdicts = {ClaimVerdict::kReproduced, ClaimVerdict::kDeviates,
                                  ClaimVerdict::kNotComparable, ClaimVerdict::kNotRun};

struct Options {
  std::string claims;
  std::vector<std::string> runs;
  bool json = false;
};

struct Evidence {
  std::vector<JudgedRun> runs;
  bool sound = true;  // every run could be read, has no bad line and is complete
};

absl::StatusOr<Evidence> ReadEvidence(const std::vector<std::string>& paths) {
  Evidence evidence;
  ASSIGN_OR_RETURN(const std::vector<std::string> folders, FindRuns(paths));
  const auto complain = [&](const std::string& problem) {
    fmt::print(stderr, "kvscope verify: {}\n", problem);
    evidence.sound = false;
  };
  for (const std::string& folder : folders) {
    absl::StatusOr<JudgedRun> run = JudgeRun(folder);
    if (!run.ok()) {
      complain(std::string(run.status().message()));
      continue;
    }
    for (const std::string& problem : run->problems) complain(problem);
    if (run->run.status != RunStatus::kComplete)
      complain(fmt::format("{}: the run is {}: {}", folder, Name(run->run.status), run->run.reason));
    evidence.runs.push_back(*std::move(run));
  }
  return evidence;
}

size_t Count(const std::vector<ClaimResult>& results, ClaimVerdict verdict) {
  return static_cast<size_t>(std::ranges::count(results, verdict, &ClaimResult::verdict));
}

void PrintJson(const ClaimSet& set, const std::vector<ClaimResult>& results,
               const std::vector<Finding>& findings) {
  nlohmann::json report = {{"alike", nlohmann::json::array()},
                           {"claims", nlohmann::json::array()},
                           {"findings", nlohmann::json::array()},
                           {"missing", nlohmann::json::array()},
                           {"name", set.name},
                           {"title", set.title},
                           {"url", set.url}};
  for (const ClaimResult& result : results) report["claims"].push_back(ToJson(result));
  for (const Finding& finding : findings) report["findings"].push_back(ToJson(finding));
  for (const AlikeClaims& alike : FindAlikeClaims(set)) report["alike"].push_back(ToJson(alike));
  for (const MissingCells& missing : set.missing)
    report["missing"].push_back(
        {{"table", missing.table}, {"what", missing.what}, {"cells", missing.cells}, {"why", missing.why}});
  for (const ClaimVerdict verdict : kVerdicts)
    report["counts"][std::string(Name(verdict))] = Count(results, verdict);
  fmt::print("{}\n", DumpJson(report, 2));
}

void PrintText(const ClaimSet& set, const std::vector<ClaimResult>& results,
               const std::vector<Finding>& findings) {
  fmt::print("{}\n{}\n\n", set.title, set.url);
  for (const ClaimResult& result : results) {
    fmt::print("{:<14} {:<58} {:>6.2f}", Name(result.verdict), result.claim.id, result.claim.value);
    if (result.measured) fmt::print("  measured {:.4f} ({:+.4f}", *result.measured, *result.Deviation());
    if (result.half_width) fmt::print(", 95 % interval +-{:.4f}", *result.half_width);
    if (result.measured) fmt::print(")");
    if (result.paired)
      fmt::print(", against the published predictions {:+.4f} [{:+.4f}, {:+.4f}] over {} prompts",
                 result.paired->difference, result.paired->interval.low, result.paired->interval.high,
                 result.paired->prompts);
    if (!result.reason.empty()) fmt::print("  {}", result.reason);
    fmt::print("\n");
    if (result.verdict == ClaimVerdict::kDeviates && !result.claim.note.empty())
      fmt::print("{:<14} {}\n", "", result.claim.note);
  }
  fmt::print("\n{} claims:", results.size());
  for (const ClaimVerdict verdict : kVerdicts) fmt::print(" {} {};", Count(results, verdict), Name(verdict));
  fmt::print("\n");
  for (const MissingCells& missing : set.missing)
    fmt::print("no claim: {}, {} ({} cells): {}\n", missing.table, missing.what, missing.cells, missing.why);
  for (const AlikeClaims& alike : FindAlikeClaims(set))
    fmt::print("printed alike: {:.2f} for {}{}\n", alike.value, fmt::join(alike.ids, ", "),
               alike.windows_differ ? " (the window changes nothing)" : "");
  for (const Finding& finding : findings)
    fmt::print("{}: {}: {}\n", Name(finding.kind), fmt::join(finding.runs, ", "), finding.message);
}

absl::StatusOr<ExitCode> Verify(const Options& options) {
  ASSIGN_OR_RETURN(const ClaimSet set, LoadClaimSet(options.claims));
  Evidence evidence;
  if (!options.runs.empty()) {
    ASSIGN_OR_RETURN(evidence, ReadEvidence(options.runs));
  }
  const std::vector<ClaimResult> results = CheckClaims(set, evidence.runs);
  const std::vector<Finding> findings = FindDuplicates(evidence.runs);
  if (options.json)
    PrintJson(set, results, findings);
  else
    PrintText(set, results, findings);
  if (Count(results, ClaimVerdict::kDeviates) > 0) return ExitCode::kFails;
  return evidence.sound ? ExitCode::kDone : ExitCode::kIncomplete;
}

}  // namespace

Action AddVerify(CLI::App& command) {
  auto options = std::make_shared<Options>();
  command
      .add_option(
          "CLAIMS", options->claims,
          fmt::format("A file of claims, or one that is built in: {}", fmt::join(ClaimSetNames(), ", ")))
      ->required();
  command.add_option("--runs", options->runs,
                     "Run folders, or folders that hold some; without, nothing is run");
  AddJsonFlag(command, &options->json);
  return [options] { return Verify(*options); };
}

}  // namespace kvscope
