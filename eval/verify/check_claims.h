// Claims against runs, one by one.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/score/score_folder.h"
#include "eval/stats/interval.h"
#include "eval/verify/claims.h"
#include "nlohmann/json.hpp"

namespace kvscope {

enum class ClaimVerdict { kReproduced, kDeviates, kNotComparable, kNotRun };
// "reproduced", "deviates", "not comparable", "not run"
std::string_view Name(ClaimVerdict verdict);

// A run of one's own against the published predictions of the same cell, prompt by prompt.
struct PublishedPair {
  std::string run;        // folder of the published predictions
  int prompts = 0;        // that both have
  double difference = 0;  // mean of own - published, in percentage points
  Interval interval;      // 95 %, Student's t over prompts
};

struct ClaimResult {
  Claim claim;
  ClaimVerdict verdict = ClaimVerdict::kNotRun;
  std::string run;                      // folder; empty when not run
  std::optional<double> measured;       // percent
  std::optional<double> half_width;     // of its 95 % interval over samples, in percentage points
  std::optional<PublishedPair> paired;  // where the runs hold the published predictions, too
  std::string reason;                   // why not comparable: "window is 512, not 1024"

  std::optional<double> Deviation() const;  // measured - printed
};

// A run of the claim's task, length and method is comparable when model, budgets, semantics and prompts are
// the claim's too, and it is complete. Outputs that kvscope did not generate, only scored anew, have to give
// the printed value within the claim's tolerance. A run that generated its own has to have it in its 95 %
// interval, since other hardware rounds otherwise. Of several comparable runs the one furthest from the claim
// decides.
std::vector<ClaimResult> CheckClaims(const ClaimSet& set, std::span<const JudgedRun> runs);

// {id, verdict, value, tolerance, file_value, measured, deviation, half_width_95, run, paired: {run,
// prompts, difference, low, high}, reason, source, note}
nlohmann::json ToJson(const ClaimResult& result);

}  // namespace kvscope
