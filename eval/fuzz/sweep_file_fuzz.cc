// sweep.json.
#include "eval/sweep/sweep_file.h"
#include "results/base/file.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  folder.Write("sweep.json", bytes);
  UnfinishedCells(folder.path());
}

std::vector<std::string> FuzzSeeds() {
  const ScratchFolder folder;
  const std::vector<PlannedCell> cells = {
      {.name = "a", .flags = {{"window", 64}}}, {.name = "b"}, {.name = "c"}};
  const std::vector<CellOutcome> outcomes = {
      {.status = RunStatus::kComplete}, {.status = RunStatus::kFailed, .reason = "killed"}, {}};
  WriteSweepFile(folder.path(), {}, {{"window", {64}}}, cells, outcomes).IgnoreError();
  return {*ReadFile(folder.path() + "/sweep.json")};
}

}  // namespace kvscope
