// What a gate demands: a JSON file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// The candidate's accuracy is not below the base's by more than the margin. Decided by the t interval of
// paired differences: above the margin passes, below it fails, else inconclusive.
struct AccuracyRule {
  double margin_points = 0;
  double alpha =
      0.05;  // chance of passing a cell that is worse by more; of failing any of a grid that is not
};

// Peak bytes of the cache: of every sample the same ("exact"), or their mean at most this ratio.
struct KvRule {
  std::optional<double> at_most_ratio;  // nullopt: exact
};

// Candidate / base of one of LatencyMetrics(), decided by its interval as accuracy is.
struct LatencyRule {
  std::string metric = "step_p50";
  double at_most_ratio = 1;
  double alpha = 0.05;
};

// How outputs end; nullopt demands nothing. The first three are counts of samples, for policies under which
// nothing may change: where many outputs end so, one more is no news. The last two are levels of IncreaseP
// over prompts: the chance of failing any cell of a grid whose outputs end as they did. Below it they fail,
// else they pass; passing shows no equality.
struct FinishRule {
  std::optional<int> max_error;             // of the candidate
  std::optional<int> max_length_increase;   // that ran into the limit of new tokens, over the base's
  std::optional<int> max_overrun_increase;  // that went on past the last answer, over the base's
  std::optional<double> more_length_alpha;
  std::optional<double> more_overrun_alpha;
};

struct GatePolicy {
  std::string name;
  bool complete = true;            // every run whole, every sample and cell paired
  bool identical_outputs = false;  // "outputs": "identical": every sample the same tokens
  std::optional<AccuracyRule> accuracy;
  std::optional<KvRule> kv_bytes;
  std::optional<LatencyRule> latency;
  std::optional<FinishRule> finish;
};

// The policies that are compiled in: files of eval/gates without ".json".
std::vector<std::string> GatePolicyNames();

// DataLoss naming `where` (the file), the field, what was expected and what was found; an unknown field is
// one.
absl::StatusOr<GatePolicy> GatePolicyFromJson(const nlohmann::json& json, const std::string& where);

// `name` is one of GatePolicyNames(), or a file.
absl::StatusOr<GatePolicy> LoadGatePolicy(const std::string& name);

}  // namespace kvscope
