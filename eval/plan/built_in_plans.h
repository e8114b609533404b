// Plans that are compiled into the program: eval/plans/*.json by their names.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

std::vector<std::string> BuiltInPlanNames();

// `name` is one of them, or a file. NotFound, listing the names, when it is neither; DataLoss: no JSON.
absl::StatusOr<nlohmann::json> LoadPlan(const std::string& name);

}  // namespace kvscope
