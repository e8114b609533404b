#include "results/run_record.h"

#include <algorithm>
#include <array>
#include <utility>

#include "fmt/format.h"
#include "results/base/json_fields.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"
#include "results/sample_record.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr std::array kStatuses = {RunStatus::kPartial, RunStatus::kComplete, RunStatus::kFailed};

// Of the id, not of the files: how a run is written does not change what it is.
constexpr int kIdSchema = 1;

template <typename T>
json OrNull(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

absl::Status Read(const JsonFields& fields, RunConfig& config) {
  RETURN_IF_ERROR(fields.Read("model", config.model));
  RETURN_IF_ERROR(fields.Read("task", config.task));
  RETURN_IF_ERROR(fields.Read("length", config.length));
  RETURN_IF_ERROR(fields.Read("questions", config.questions));
  RETURN_IF_ERROR(fields.Read("seed", config.seed));
  RETURN_IF_ERROR(fields.Read("filler", config.filler));
  RETURN_IF_ERROR(fields.Read("method", config.method));
  RETURN_IF_ERROR(fields.Read("prefill_budget", config.prefill_budget));
  RETURN_IF_ERROR(fields.Read("observation_window", config.observation_window));
  RETURN_IF_ERROR(fields.Read("window", config.window));
  RETURN_IF_ERROR(fields.Read("recent", config.recent));
  RETURN_IF_ERROR(fields.Read("group_score", config.group_score));
  RETURN_IF_ERROR(fields.Read("head_budget", config.head_budget));
  RETURN_IF_ERROR(fields.Read("cached_heads", config.cached_heads));
  RETURN_IF_ERROR(fields.Read("max_new_tokens", config.max_new_tokens));
  RETURN_IF_ERROR(fields.Read("semantics", config.semantics));
  RETURN_IF_ERROR(fields.Read("precision", config.precision));
  RETURN_IF_ERROR(fields.Read("kv", config.kv));
  RETURN_IF_ERROR(fields.Read("device", config.device));
  RETURN_IF_ERROR(fields.Read("mode", config.mode));
  RETURN_IF_ERROR(fields.Read("prompt_template", config.prompt_template));
  RETURN_IF_ERROR(fields.Read("limit", config.limit));
  RETURN_IF_ERROR(fields.Read("source", config.source));
  return fields.Read("threads", config.threads);
}

absl::Status ReadFiles(const JsonFields& fields, std::map<std::string, std::string>& files) {
  if (!fields.Has("files")) return absl::OkStatus();
  json object;
  RETURN_IF_ERROR(fields.ReadObject("files", object));
  for (const auto& [name, hash] : object.items()) {
    if (!hash.is_string()) return fields.Error("files", "an object of hashes by file name");
    files[name] = hash.get<std::string>();
  }
  return absl::OkStatus();
}

absl::Status ReadStatus(const JsonFields& fields, RunStatus& out) {
  std::string name;
  RETURN_IF_ERROR(fields.Read("status", name));
  const std::optional<RunStatus> status = RunStatusOf(name);
  if (!status) return fields.Error("status", "\"partial\", \"complete\" or \"failed\"");
  out = *status;
  return absl::OkStatus();
}

}  // namespace

std::string_view Name(RunStatus status) {
  switch (status) {
    case RunStatus::kPartial:
      return "partial";
    case RunStatus::kComplete:
      return "complete";
    case RunStatus::kFailed:
      return "failed";
  }
  return "failed";
}

std::optional<RunStatus> RunStatusOf(std::string_view name) {
  const auto* const status = std::ranges::find(kStatuses, name, [](RunStatus s) { return Name(s); });
  return status == kStatuses.end() ? std::nullopt : std::optional(*status);
}

std::string RunId(const RunRecord& run) {
  json config = ToJson(run.config);
  if (!run.config.filler) config.erase("filler");  // runs had ids before there was this field
  // nlohmann::json keeps keys sorted, so its compact dump is canonical.
  return Sha256Hex(DumpJson({{"schema", kIdSchema},
                             {"config", std::move(config)},
                             {"model_sha256", run.model_sha256},
                             {"tokenizer_sha256", run.tokenizer_sha256},
                             {"data_sha256", run.data_sha256}}));
}

json ToJson(const RunConfig& config) {
  return {{"model", config.model},
          {"task", config.task},
          {"length", config.length},
          {"questions", config.questions},
          {"seed", config.seed},
          {"filler", OrNull(config.filler)},
          {"method", config.method},
          {"prefill_budget", OrNull(config.prefill_budget)},
          {"observation_window", OrNull(config.observation_window)},
          {"window", OrNull(config.window)},
          {"recent", OrNull(config.recent)},
          {"group_score", OrNull(config.group_score)},
          {"head_budget", OrNull(config.head_budget)},
          {"cached_heads", config.cached_heads},
          {"max_new_tokens", config.max_new_tokens},
          {"semantics", config.semantics},
          {"precision", config.precision},
          {"kv", config.kv},
          {"device", config.device},
          {"mode", config.mode},
          {"prompt_template", config.prompt_template},
          {"limit", OrNull(config.limit)},
          {"source", config.source},
          {"threads", OrNull(config.threads)}};
}

json ToJson(const RunRecord& run) {
  return {{"schema", kRecordSchema},
          {"run_id", RunId(run)},
          {"status", Name(run.status)},
          {"reason", run.reason},
          {"config", ToJson(run.config)},
          {"mode", run.config.mode},
          {"precision", run.config.precision},
          {"semantics", run.config.semantics},
          {"model_sha256", run.model_sha256},
          {"tokenizer_sha256", run.tokenizer_sha256},
          {"data_sha256", run.data_sha256},
          {"data", run.data},
          {"build", run.build},
          {"machine", run.machine},
          {"execution", run.execution},
          {"command_line", run.command_line},
          {"resumed", run.resumed},
          {"files", run.files},
          {"samples_expected", run.samples_expected},
          {"samples_done", run.samples_done},
          {"peak_rss_bytes", run.peak_rss_bytes}};
}

absl::StatusOr<RunRecord> RunRecordFromJson(const json& value, const std::string& where) {
  const JsonFields fields(value, where);
  RETURN_IF_ERROR(fields.CheckIsObject());
  RETURN_IF_ERROR(CheckRecordSchema(fields));
  RunRecord run;
  RETURN_IF_ERROR(ReadStatus(fields, run.status));
  RETURN_IF_ERROR(fields.Read("reason", run.reason));
  json config;
  RETURN_IF_ERROR(fields.ReadObject("config", config));
  RETURN_IF_ERROR(Read(JsonFields(config, fields.Nested("config")), run.config));
  RETURN_IF_ERROR(fields.Read("model_sha256", run.model_sha256));
  RETURN_IF_ERROR(fields.Read("tokenizer_sha256", run.tokenizer_sha256));
  RETURN_IF_ERROR(fields.Read("data_sha256", run.data_sha256));
  RETURN_IF_ERROR(fields.ReadObject("data", run.data));
  RETURN_IF_ERROR(fields.ReadObject("build", run.build));
  RETURN_IF_ERROR(fields.ReadObject("machine", run.machine));
  RETURN_IF_ERROR(fields.ReadObject("execution", run.execution));
  RETURN_IF_ERROR(fields.Read("command_line", run.command_line));
  if (!value.contains("resumed") || !value["resumed"].is_array()) return fields.Error("resumed", "an array");
  run.resumed = value["resumed"];
  RETURN_IF_ERROR(ReadFiles(fields, run.files));
  RETURN_IF_ERROR(fields.Read("samples_expected", run.samples_expected));
  RETURN_IF_ERROR(fields.Read("samples_done", run.samples_done));
  RETURN_IF_ERROR(fields.Read("peak_rss_bytes", run.peak_rss_bytes));
  std::string id;
  RETURN_IF_ERROR(fields.Read("run_id", id));
  if (const std::string expected = RunId(run); id != expected)
    return fields.Error("run_id", fmt::format("{}, the hash of the configuration", expected));
  return run;
}

}  // namespace kvscope
