// Runs cells into their folders: one alone, or many over the same prompts, fused.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "eval/run/cell.h"
#include "results/run_store.h"

namespace kvscope {

// Each may be empty.
struct RunCallbacks {
  // Share of the work done, 0 to 1, and samples that have a record, over all cells.
  std::function<void(double share, size_t samples_done)> progress;
  std::function<bool()> cancelled;  // polled between steps
};

// A cell, the folder it runs into, and how far.
struct CellRun {
  const Cell* cell;
  RunStore* store;
  size_t prompts = std::numeric_limits<size_t>::max();  // only the first so many
};

// The folder of the cell's run, new or resumed: RunStore::Open's errors.
absl::StatusOr<std::unique_ptr<RunStore>> OpenRun(const Cell& cell, const std::string& folder);

// Generates every sample asked for that has no record, each recorded as it finishes; a cell whose samples are
// all there gets its status, scores.json and timing.json at once. Prompt by prompt, the cells' rows stand
// together, so that the engine prefills a prompt once for all of them; what a row generates does not depend
// on it. OK says that every sample asked for has a record: a cell with an error among them is failed, one
// that was not to be run to its end partial. Cancelled and other errors leave the cells that were not
// finished partial and resumable. REQUIRES: the cells have one model and `engine` is what each of them would
// run with alone, but for batch.
absl::Status RunCells(std::span<const CellRun> runs, const EngineOptions& engine,
                      const RunCallbacks& callbacks);

// One cell. DataLoss when a sample ended in an error: the run is failed.
absl::Status RunCell(const Cell& cell, RunStore& store, const RunCallbacks& callbacks);

}  // namespace kvscope
