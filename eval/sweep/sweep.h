// A grid of cells, run in worker processes: what goes wrong in one cell is recorded, and the sweep goes on.
#pragma once

#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/plan/planned_cell.h"
#include "eval/sweep/sweep_file.h"
#include "eval/sweep/unit.h"
#include "nlohmann/json.hpp"

namespace kvscope {

struct SweepOptions {
  UnitOptions unit;
  Shard shard;
  int jobs = 1;  // workers at a time, accuracy mode
  // CUDA_VISIBLE_DEVICES of each worker that runs at a time; empty: as in this process. Else as many as jobs.
  std::vector<std::string> devices;
  std::chrono::seconds watchdog;  // a worker that shows no sign of life for so long is killed
};

// Each may be empty.
struct SweepCallbacks {
  std::function<void(double share, const std::string& note)> progress;
  std::function<void(const std::string& line)> log;
  std::function<bool()> cancelled;
};

// The cells that a shard runs, in order: neighbours, which share prompts, stay together.
std::vector<PlannedCell> CellsOf(const Shard& shard, std::span<const PlannedCell> cells);

struct SweepResult {
  std::vector<CellOutcome> cells;                  // a sweep that was cancelled has cells that did not begin
  nlohmann::json knees = nlohmann::json::array();  // of ToJson(Knee), where they were asked for
};

// Runs the cells, each into its folder below options.unit.folder, where sweep.json is kept up to date, and
// knee.json is written where knees are searched for. What is complete there is not run again. AlreadyExists
// when another process runs the same shard there; other errors: the folder cannot be written. REQUIRES: the
// process has one thread.
absl::StatusOr<SweepResult> RunSweep(std::span<const PlannedCell> cells, const nlohmann::json& plan,
                                     const Fetcher& fetcher, const SweepOptions& options,
                                     const SweepCallbacks& callbacks);

}  // namespace kvscope
