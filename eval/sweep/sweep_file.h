// sweep.json: the plan of a sweep and how its cells ended, beside the cells' folders.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "eval/plan/planned_cell.h"
#include "nlohmann/json.hpp"
#include "results/run_record.h"

namespace kvscope {

inline constexpr int kSweepSchema = 2;

// How a cell ended. A cell that could not begin has no run.json: this is the only record of it.
struct CellOutcome {
  std::optional<RunStatus> status;  // nullopt: not begun
  std::string reason;               // why not complete
};

// One of several processes that share a sweep's cells: the index-th of `count`, from 1.
struct Shard {
  int index = 1;
  int count = 1;
};

// "sweep.json", of a shard "sweep.2-of-4.json".
std::string SweepFileName(const Shard& shard);

// {schema, shard, plan, cells: [{cell, flags, status, reason}]}, whole or not at all.
absl::Status WriteSweepFile(const std::string& folder, const Shard& shard, const nlohmann::json& plan,
                            std::span<const PlannedCell> cells, std::span<const CellOutcome> outcomes);

// What the sweep files of a folder say of cells that no file calls complete: "CELL: failed: reason". A file
// that cannot be read is named likewise. Empty for a folder without a sweep.
std::vector<std::string> UnfinishedCells(const std::string& folder);

// The cells' part of it.
nlohmann::json ToJson(std::span<const PlannedCell> cells, std::span<const CellOutcome> outcomes);

}  // namespace kvscope
