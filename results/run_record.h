// What a run is and how it went: run.json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// All that decides what a run generates, as run: flags left out are here with the value that was used. A
// budget that the method does not use is absent.
struct RunConfig {
  std::string model;   // catalog name, file or folder, as asked
  std::string task;    // "gsm8k+", "mmlu+", "csqa+", "arith+"
  std::string length;  // "4k", "8k"; empty where --questions was given
  int questions = 0;   // questions a prompt
  uint64_t seed = 0;
  std::optional<double> filler;  // Arith+: filler sentences a question; absent: none
  std::string method;            // "full+slide"
  std::optional<int> prefill_budget;
  std::optional<int> observation_window;
  std::optional<int> window;
  std::optional<int> recent;
  std::optional<std::string> group_score;  // how a group's query heads score their KV head's entries
  std::optional<std::string> head_budget;  // how the decode budget is shared out over heads
  std::string cached_heads;                // "kv", or "query": a cache for each query head
  int max_new_tokens = 0;
  std::string semantics;           // "clean", "published"
  std::string precision;           // arithmetic, "f32"
  std::string kv;                  // element type of the cache, "f32", "f16", "bf16", "int8"
  std::string device;              // "cpu"
  std::string mode;                // "accuracy": no times; "timing": samples ran alone
  std::string prompt_template;     // runtime/tokenizer/chat_template.h
  std::optional<int> limit;        // prompts; absent: all
  std::string source = "kvscope";  // who generated the outputs; "scope:SHA256" for an imported file
  std::optional<int> threads;      // in timing mode only: results do not depend on it, times do
};

enum class RunStatus { kPartial, kComplete, kFailed };
std::string_view Name(RunStatus status);
// nullopt: no status has that name.
std::optional<RunStatus> RunStatusOf(std::string_view name);

struct RunRecord {
  RunStatus status = RunStatus::kPartial;
  std::string reason;  // why not complete; empty when complete
  RunConfig config;
  std::string model_sha256;
  std::string tokenizer_sha256;
  std::string data_sha256;
  nlohmann::json data = nlohmann::json::object();       // manifest of the prompts
  nlohmann::json build = nlohmann::json::object();      // results/build_info.h
  nlohmann::json machine = nlohmann::json::object();    // results/environment.h
  nlohmann::json execution = nlohmann::json::object();  // threads, batch: how, not what
  std::vector<std::string> command_line;
  // [{build, machine, execution, command_line}]: later processes that went on with this run.
  nlohmann::json resumed = nlohmann::json::array();
  // SHA-256 by name of the folder's files that do not change any more: the prompts, and of a complete run the
  // samples.
  std::map<std::string, std::string> files;
  uint64_t samples_expected = 0;
  uint64_t samples_done = 0;
  uint64_t peak_rss_bytes = 0;  // of the process that ran it; the largest where it was resumed
};

// SHA-256 of the configuration and the hashes of model, tokenizer and data: the same id, the same results.
std::string RunId(const RunRecord& run);

nlohmann::json ToJson(const RunConfig& config);
nlohmann::json ToJson(const RunRecord& run);

// DataLoss naming `where` (the file) and the field; also when the file's run_id is not that of its content.
absl::StatusOr<RunRecord> RunRecordFromJson(const nlohmann::json& json, const std::string& where);

}  // namespace kvscope
