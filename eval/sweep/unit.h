// What one worker of a sweep does: cells of one model, run so that they share what they can.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "datasets/fetch.h"
#include "eval/plan/planned_cell.h"
#include "eval/sweep/knee.h"
#include "eval/sweep/worker.h"

namespace kvscope {

// Indices into a sweep's cells. In accuracy mode their rows are decoded in one batch; in timing mode every
// cell runs alone, in random order, repeated.
struct Unit {
  std::vector<size_t> cells;
  bool timing = false;
  bool alone = false;  // split off after its worker died: another death is its own fault
};

// Cells by what a process loads and how it runs; in accuracy mode each group in at most `jobs` parts.
std::vector<Unit> MakeUnits(std::span<const PlannedCell> cells, int jobs);

struct UnitOptions {
  std::string folder;               // of the sweep
  int batch = 32;                   // rows decoded together, accuracy mode
  uint64_t memory_bytes = 0;        // of a worker: weights, caches and working memory; 0: no limit
  std::optional<KneeOptions> knee;  // accuracy mode: run only what the search for knees asks for
  int repetitions = 1;              // timing mode
  uint64_t seed = 0;                // of the cells' order, timing mode
  std::vector<std::string> command_line;
};

// Runs in a worker. Sends {"cell": index, "status", "reason"} for each cell that ended, {"note": text} for
// what a user should know, {"knee": ToJson(Knee)} for each that was found, and {"share", "samples"} ten times
// a second.
void RunUnit(std::span<const PlannedCell> cells, const Unit& unit, const Fetcher& fetcher,
             const UnitOptions& options, const SendMessage& send);

}  // namespace kvscope
