#include <memory>
#include <optional>
#include <string>

#include "eval/cli/command.h"
#include "eval/compare/comparable.h"
#include "eval/compare/compare_runs.h"
#include "eval/compare/comparison_json.h"
#include "eval/compare/comparison_text.h"
#include "eval/compare/gate.h"
#include "eval/compare/junit.h"
#include "eval/score/score_folder.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

struct Options {
  std::string base;
  std::string candidate;
  CompareOptions compare;
  std::string gate;
  std::string junit;
  std::string markdown;
  bool json = false;
};

ExitCode ExitCodeOf(GateOutcome outcome) {
  switch (outcome) {
    case GateOutcome::kPass:
      return ExitCode::kDone;
    case GateOutcome::kInconclusive:
      return ExitCode::kInconclusive;
    case GateOutcome::kIncomplete:
      return ExitCode::kIncomplete;
    case GateOutcome::kFail:
      return ExitCode::kFails;
  }
  return ExitCode::kFails;
}

void Print(const Comparison& comparison, const std::optional<GateResult>& gate, bool as_json) {
  if (!as_json) {
    fmt::print("{}", ToText(comparison, gate));
    return;
  }
  nlohmann::json report = ToJson(comparison);
  report["gate"] = gate ? ToJson(*gate) : nlohmann::json();
  fmt::print("{}\n", DumpJson(report, 2));
}

absl::StatusOr<ExitCode> Compare(const Options& options) {
  if (options.gate.empty() && !options.junit.empty())
    return absl::InvalidArgumentError("--junit: shows what a gate says: give --gate too");
  std::optional<GatePolicy> policy;
  if (!options.gate.empty()) {
    ASSIGN_OR_RETURN(policy, LoadGatePolicy(options.gate));
  }
  ASSIGN_OR_RETURN(const Comparison comparison,
                   CompareFolders(options.base, options.candidate, options.compare));
  std::optional<GateResult> gate;
  if (policy) gate = CheckGate(comparison, *policy);
  if (!options.junit.empty()) RETURN_IF_ERROR(WriteFileAtomically(options.junit, ToJUnit(*gate)));
  if (!options.markdown.empty())
    RETURN_IF_ERROR(WriteFileAtomically(options.markdown, ToMarkdown(comparison, gate)));
  Print(comparison, gate, options.json);
  if (gate) return ExitCodeOf(gate->Outcome());
  return comparison.IsComplete() ? ExitCode::kDone : ExitCode::kIncomplete;
}

}  // namespace

Action AddCompare(CLI::App& command) {
  auto options = std::make_shared<Options>();
  CompareOptions& compare = options->compare;
  command.add_option("BASE", options->base, "A run's folder, or a folder that holds some")->required();
  command.add_option("CANDIDATE", options->candidate, "The same, to be compared with the base")->required();
  command.add_option("--gate", options->gate,
                     fmt::format("A policy that decides the exit code: a file, or one that is built in: {}",
                                 fmt::join(GatePolicyNames(), ", ")));
  command.add_option("--junit", options->junit, "Write what the gate says to this file, as JUnit XML");
  command.add_option("--markdown", options->markdown, "Write a summary to this file, as Markdown");
  command.add_option("--scorer", compare.scorer, "How answers are read: clean, published")
      ->check(CLI::IsMember(ScorerNames()))
      ->capture_default_str();
  command
      .add_option("--margin", compare.margin_points,
                  "Percentage points that make no difference: test equivalence")
      ->check(CLI::Range(0.0, 100.0));
  command.add_option("--alpha", compare.alpha, "Level of verdicts and intervals")
      ->check(CLI::Range(1e-6, 0.5))
      ->capture_default_str();
  command.add_option("--seed", compare.seed, "Of the bootstrap's resamples")->capture_default_str();
  command
      .add_option(
          "--allow", compare.allow,
          fmt::format("What may differ between the runs all the same: {}", fmt::join(MismatchKinds(), ", ")))
      ->delimiter(',')
      ->check(CLI::IsMember(MismatchKinds()));
  AddJsonFlag(command, &options->json);
  return [options] { return Compare(*options); };
}

}  // namespace kvscope
