// A comparison for machines.
#pragma once

#include "eval/compare/cell_comparison.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// {options, complete, gaps, cells: [{name, verdict, prompts, base, candidate, accuracy, kv, latency, outputs,
// differences, mismatches, gaps}]}. Percentages and points to 4 decimals; what is not known is null.
nlohmann::json ToJson(const Comparison& comparison);

}  // namespace kvscope
