// Two runs against each other.
#pragma once

#include "absl/status/statusor.h"
#include "eval/compare/cell_comparison.h"
#include "eval/compare/pairing.h"

namespace kvscope {

// All but what takes the other cells of the grid: `adjusted_p` and `verdict`. InvalidArgument when the runs
// differ in what `options.allow` does not list.
absl::StatusOr<CellComparison> CompareCell(const RunPair& pair, const CompareOptions& options);

}  // namespace kvscope
