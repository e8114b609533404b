// Runs a cell's samples into its folder.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eval/run/cell.h"
#include "results/run_store.h"

namespace kvscope {

// Each may be empty.
struct RunCallbacks {
  // Share of the work done, 0 to 1, and samples with a record so far.
  std::function<void(double share, size_t samples_done)> progress;
  std::function<bool()> cancelled;  // polled between steps
};

// The folder of the cell's run, new or resumed: RunStore::Open's errors.
absl::StatusOr<std::unique_ptr<RunStore>> OpenRun(const Cell& cell, const std::string& folder);

// Generates every sample that has no record, each recorded as it finishes, then writes run.json, scores.json
// and timing.json. Cancelled leaves the run partial and resumable. DataLoss when a sample ended in an error:
// the run is failed.
absl::Status RunCell(const Cell& cell, RunStore& store, const RunCallbacks& callbacks);

}  // namespace kvscope
