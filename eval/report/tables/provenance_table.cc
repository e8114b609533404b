#include <algorithm>
#include <functional>

#include "eval/report/byte_unit.h"
#include "eval/report/tables/tables.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

constexpr size_t kShortHash = 12;
constexpr const char* kUnknown = "unknown";

// A field that another program may have written: whatever it holds, as text.
std::string Field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return kUnknown;
  return found->is_string() ? found->get<std::string>() : DumpJson(*found);
}

std::string MachineText(const nlohmann::json& machine) {
  if (machine.empty()) return kUnknown;
  std::string text = fmt::format("{}, {} cores, {}", Field(machine, "cpu"), Field(machine, "cores"),
                                 Field(machine, "kernel"));
  const auto memory = machine.find("memory_bytes");
  if (memory != machine.end() && memory->is_number()) text += ", " + BytesText(memory->get<double>());
  return text;
}

std::string BuildText(const nlohmann::json& build) {
  if (build.empty()) return kUnknown;
  return fmt::format("kvscope {}, commit {}{}, {}, {}", Field(build, "version"),
                     Field(build, "commit").substr(0, kShortHash),
                     Field(build, "dirty") == "true" ? " (modified)" : "", Field(build, "compiler"),
                     Field(build, "build_type"));
}

// The rows' different values, in order.
std::string Distinct(const ReportGroup& group, const std::function<std::string(const ReportRow&)>& value) {
  std::vector<std::string> values;
  for (const ReportRow& row : group.rows) {
    std::string text = value(row);
    if (text.empty()) text = kUnknown;
    if (std::ranges::find(values, text) == values.end()) values.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(values, "; "));
}

}  // namespace

ReportTable ProvenanceTable(const ReportGroup& group) {
  ReportTable table{.id = "provenance",
                    .title = "Provenance of each run",
                    .caption = "Configuration as run. The run id is a hash of it and of model and data.",
                    .columns = {{"run", "", true},
                                {"status", "", true},
                                {"samples", ""},
                                {"seed", ""},
                                {"R", "recent tokens that decoding always keeps"},
                                {"most new tokens", ""},
                                {"precision", "of the arithmetic", true},
                                {"KV type", "", true},
                                {"device", "", true},
                                {"mode", "", true},
                                {"run id", "its first digits", true},
                                {"folder", "", true}},
                    .lines = {}};
  for (const ReportRow& row : group.rows) {
    const RunConfig& config = row.run.config;
    table.lines.push_back({{row.label},
                           {std::string(Name(row.run.status))},
                           {fmt::format("{} of {}", row.score.samples, row.run.samples_expected)},
                           {std::to_string(config.seed)},
                           {config.recent ? std::to_string(*config.recent) : std::string()},
                           {std::to_string(config.max_new_tokens)},
                           {config.precision},
                           {config.kv},
                           {config.device},
                           {config.mode},
                           {RunId(row.run).substr(0, kShortHash)},
                           {row.folder}});
  }
  return table;
}

std::vector<ProvenanceFact> SharedProvenance(const ReportGroup& group) {
  const auto fact = [&](const char* name, const std::function<std::string(const ReportRow&)>& value) {
    return ProvenanceFact{name, Distinct(group, value)};
  };
  return {fact("Model", [](const ReportRow& row) { return row.run.config.model; }),
          fact("Model SHA-256", [](const ReportRow& row) { return row.run.model_sha256; }),
          fact("Tokenizer SHA-256", [](const ReportRow& row) { return row.run.tokenizer_sha256; }),
          fact("Task", [](const ReportRow& row) { return row.run.config.task; }),
          fact("Data SHA-256", [](const ReportRow& row) { return row.run.data_sha256; }),
          fact("Semantics", [](const ReportRow& row) { return row.run.config.semantics; }),
          fact("Scorer", [](const ReportRow& row) { return row.score.scorer; }),
          fact("Outputs by", [](const ReportRow& row) { return row.run.config.source; }),
          fact("Machine", [](const ReportRow& row) { return MachineText(row.run.machine); }),
          fact("Build", [](const ReportRow& row) { return BuildText(row.run.build); })};
}

}  // namespace kvscope
