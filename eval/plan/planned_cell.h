// A cell of a plan as a run, and the name of its folder.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/plan/plan.h"
#include "eval/run/run_request.h"
#include "nlohmann/json.hpp"

namespace kvscope {

struct PlannedCell {
  // Of the folder below the sweep's: the same flags have the same name in every plan, others another one.
  // "arith-tiny.arith+.24q.full+slide.W64.R32"
  std::string name;
  RunRequest request;
  CellFlags flags;
};

// The cells of a plan, each once: flags that a method does not use are as if left out, and do not multiply
// its cells. ExpandPlan's errors; InvalidArgument naming `where` and the flag that `kvscope run` would
// refuse.
absl::StatusOr<std::vector<PlannedCell>> ReadPlan(const nlohmann::json& plan, const std::string& where,
                                                  const CellFlags& overrides);

}  // namespace kvscope
