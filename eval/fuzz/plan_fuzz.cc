// Plans of sweeps.
#include "eval/plan/built_in_plans.h"
#include "eval/plan/plan.h"
#include "eval/plan/planned_cell.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/jsonl.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  // Reading a cell's flags takes a hundred times what all else takes.
  constexpr size_t kFewCells = 8;
  const auto json = ParseJson(bytes, "plan.json");
  if (!json.ok()) return;
  const auto cells = ExpandPlan(*json, "plan.json", {});
  if (cells.ok() && cells->size() <= kFewCells) ReadPlan(*json, "plan.json", {{"limit", 2}}).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  std::vector<std::string> seeds = {
      R"({"model": "arith-tiny", "task": "arith+", "questions": 16, "method": ["full", "h2o+slide"], "prefill-budget": 64,
 "together": [{"window": 64, "recent": 32}, {"window": 128, "recent": 64}], "exclude": [{"window": [64, 128]}]})",
      R"({"description": "x", "task": "arith+", "grids": [{"window": {"from": 64, "to": 1024, "times": 2}, "timing": true},
 {"window": {"from": 1, "to": 9, "plus": 4}}]})"};
  for (const std::string& name : BuiltInPlanNames()) seeds.push_back(DumpJson(*LoadPlan(name)));
  return seeds;
}

}  // namespace kvscope
