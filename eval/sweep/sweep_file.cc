#include "eval/sweep/sweep_file.h"

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/run_store.h"

namespace kvscope {

std::string SweepFileName(const Shard& shard) {
  if (shard.count == 1) return "sweep.json";
  return fmt::format("sweep.{}-of-{}.json", shard.index, shard.count);
}

nlohmann::json ToJson(std::span<const PlannedCell> cells, std::span<const CellOutcome> outcomes) {
  nlohmann::json list = nlohmann::json::array();
  for (size_t i = 0; i < cells.size(); ++i) {
    const CellOutcome& outcome = outcomes[i];
    list.push_back({{"cell", cells[i].name},
                    {"flags", cells[i].flags},
                    {"status", outcome.status ? Name(*outcome.status) : "not begun"},
                    {"reason", outcome.reason}});
  }
  return list;
}

absl::Status WriteSweepFile(const std::string& folder, const Shard& shard, const nlohmann::json& plan,
                            std::span<const PlannedCell> cells, std::span<const CellOutcome> outcomes) {
  constexpr int kIndent = 2;
  const nlohmann::json json = {{"schema", kSweepSchema},
                               {"shard", {{"index", shard.index}, {"count", shard.count}}},
                               {"plan", plan},
                               {"cells", ToJson(cells, outcomes)}};
  return WriteFileAtomically(RunPath(folder, SweepFileName(shard)), DumpJson(json, kIndent) + "\n");
}

}  // namespace kvscope
