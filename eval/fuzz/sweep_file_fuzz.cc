// sweep.json, sealed.
#include "eval/sweep/sweep_file.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"
#include "results/base/jsonl.h"
#include "results/base/seal.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  folder.Write("sweep.json", SealFuzzLines(bytes));
  UnfinishedCells(folder.path());
}

std::vector<std::string> FuzzSeeds() {
  const ScratchFolder folder;
  const std::vector<PlannedCell> cells = {
      {.name = "a", .flags = {{"window", 64}}}, {.name = "b"}, {.name = "c"}};
  const std::vector<CellOutcome> outcomes = {
      {.status = RunStatus::kComplete}, {.status = RunStatus::kFailed, .reason = "killed"}, {}};
  WriteSweepFile(folder.path(), {}, {{"window", {64}}}, cells, outcomes).IgnoreError();
  return {DumpJson(*ReadSealedFile(folder.path() + "/sweep.json"))};  // on one line
}

}  // namespace kvscope
