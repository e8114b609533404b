// A comparison against a policy: may this change go in?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/compare/cell_comparison.h"
#include "eval/compare/gate_policy.h"
#include "eval/stats/paired_mean.h"
#include "nlohmann/json.hpp"

namespace kvscope {

enum class GateOutcome {
  kPass,
  kInconclusive,  // the interval spans the limit: more prompts or repetitions could tell
  kIncomplete,    // a run, a sample or a field that the rule needs is absent
  kFail
};
// "pass", "inconclusive", "incomplete", "fail"
std::string_view Name(GateOutcome outcome);

// One rule on one cell.
struct GateCheck {
  std::string cell;  // empty for what concerns the whole comparison
  std::string rule;  // "complete", "outputs", "accuracy", "kv_bytes", "latency", "finish.max_error", ...
  GateOutcome outcome = GateOutcome::kPass;
  std::string message;  // what was demanded and what was found
};

struct GateResult {
  std::string policy;
  std::vector<GateCheck> checks;

  // The worst of the checks, in the order of GateOutcome: a failure stands, whatever else could not be
  // decided.
  GateOutcome Outcome() const;
};

GateResult CheckGate(const Comparison& comparison, const GatePolicy& policy);

// The accuracy rule on one of `cells` cells. Passing has to be shown at alpha in each cell, so that a grid
// passes wrongly no more often than one cell. A failure is shown at alpha / cells, so that a sound grid fails
// anywhere with a chance of at most alpha.
GateOutcome JudgeAccuracy(const PairedMean& points, const AccuracyRule& rule, size_t cells);

// An ending rule on one of `cells` cells: fails where IncreaseP is at most alpha / cells, so that a grid
// whose outputs end as they did fails anywhere with a chance of at most alpha.
GateOutcome JudgeIncrease(const DiscordantCounts& prompts, double alpha, size_t cells);

// {policy, outcome, checks: [{cell, rule, outcome, message}]}
nlohmann::json ToJson(const GateResult& result);

}  // namespace kvscope
