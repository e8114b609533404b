// Cells timed side by side: each alone, warmed up, in random order, again and again, so that a slow spell of
// the machine falls on all of them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "eval/run/run_cells.h"

namespace kvscope {

struct TimingPlan {
  int repetitions = 1;
  uint64_t seed = 0;  // of the order of cells in each repetition
};

// The first repetition makes the run (RunCell); every one is recorded in repetitions.jsonl. What is recorded
// already is not repeated. Returns how each run ended: Cancelled when it has not all of its repetitions,
// Internal when a sample came out different from the first time.
std::vector<absl::Status> RunTimedCells(std::span<const CellRun> runs, const TimingPlan& plan,
                                        const RunCallbacks& callbacks);

}  // namespace kvscope
