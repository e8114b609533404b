#include "eval/sweep/sweep_file.h"

#include <filesystem>
#include <map>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/json_fields.h"
#include "results/base/seal.h"
#include "results/base/status_macros.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

absl::Status ReadCells(const std::string& path, std::map<std::string, std::string>& messages) {
  ASSIGN_OR_RETURN(const nlohmann::json file, ReadSealedFile(path));
  if (!file.is_object() || !file.contains("cells") || !file["cells"].is_array())
    return absl::DataLossError(fmt::format("{}: field 'cells': expected a list", path));
  for (const nlohmann::json& entry : file["cells"]) {
    const JsonFields fields(entry, path);
    std::string cell, status, reason;
    RETURN_IF_ERROR(fields.Read("cell", cell));
    RETURN_IF_ERROR(fields.Read("status", status));
    RETURN_IF_ERROR(fields.Read("reason", reason));
    const bool complete = status == Name(RunStatus::kComplete);
    std::string message = complete ? "" : fmt::format("{}{}{}", status, reason.empty() ? "" : ": ", reason);
    const auto [there, added] = messages.emplace(cell, message);
    if (!added && complete) there->second.clear();
  }
  return absl::OkStatus();
}

}  // namespace

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
  const nlohmann::json json = {{"schema", kSweepSchema},
                               {"shard", {{"index", shard.index}, {"count", shard.count}}},
                               {"plan", plan},
                               {"cells", ToJson(cells, outcomes)}};
  return WriteSealedFile(RunPath(folder, SweepFileName(shard)), json);
}

std::vector<std::string> UnfinishedCells(const std::string& folder) {
  std::map<std::string, std::string> messages;  // by cell; empty: complete
  std::vector<std::string> problems;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("sweep.") || !name.ends_with(".json")) continue;
    if (const absl::Status status = ReadCells(entry.path(), messages); !status.ok())
      problems.emplace_back(status.message());
  }
  for (const auto& [cell, message] : messages)
    if (!message.empty()) problems.push_back(fmt::format("{}: {}", cell, message));
  return problems;
}

}  // namespace kvscope
