// A plan: the cells of a table, as a JSON object.
//
// Keys are the long flags of `kvscope run` without dashes, values are lists; every combination is a cell. A
// scalar is a list of one, {"from": 64, "to": 1024, "times": 2} and {"from": 1, "to": 9, "plus": 4} are
// ranges. Besides flags:
//   "together": [{"window": 64, "recent": 32}, {"window": 128, "recent": 64}]  flags that vary as one
//   "exclude": [{"method": "full+slide", "window": [64, 128]}]                 combinations left out
//   "grids": [{...}, {...}]  plans in the plan: each has the keys around it and its own, which win
//   "description": text
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// Flags by name, in the order of the names; a flag without a value is true.
using CellFlags = std::map<std::string, nlohmann::json>;

// Every combination that the plan does not exclude, in the order of the flags' names, last fastest.
// InvalidArgument naming `where` (the file) and the key: a value of a wrong type, an empty list, a range that
// does not end, more than kMaxCells.
// `overrides`: flags that replace what the plan says of them, in all its grids.
absl::StatusOr<std::vector<CellFlags>> ExpandPlan(const nlohmann::json& plan, const std::string& where,
                                                  const CellFlags& overrides);

inline constexpr size_t kMaxCells = 100'000;

}  // namespace kvscope
