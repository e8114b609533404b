// Gates' policies.
#include "eval/compare/gate_policy.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/jsonl.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  const auto json = ParseJson(bytes, "gate.json");
  if (json.ok()) GatePolicyFromJson(*json, "gate.json").IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  return {R"({"schema": 1, "name": "all", "about": "x", "complete": false, "outputs": "identical",
 "accuracy": {"margin_points": 2, "alpha": 0.05}, "kv_bytes": {"at_most_ratio": 0.5},
 "latency": {"metric": "step_p50", "at_most_ratio": 1.1, "alpha": 0.05},
 "finish": {"max_error": 0, "max_length_increase": 1, "max_overrun_increase": 2}})",
          R"({"schema": 1, "name": "exact", "kv_bytes": "exact"})"};
}

}  // namespace kvscope
