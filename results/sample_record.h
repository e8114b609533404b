// What one sample of a run gave: a line of samples.jsonl.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "results/base/json_fields.h"

namespace kvscope {

// Version of the formats of a run's files. Version 1, which had no seals (results/base/seal.h), can still be
// read; a reader refuses any other.
inline constexpr int kRecordSchema = 2;
inline constexpr int kOldestRecordSchema = 1;

// DataLoss where the field "schema" is not one of those.
absl::Status CheckRecordSchema(const JsonFields& fields);

// Why a generation ended. The names in JSON are "eos", "length" and "error".
enum class FinishReason { kEos, kLength, kError };
std::string_view Name(FinishReason reason);

// Memory of one sequence's cache; field names and meanings as in runtime/engine/kv_use.h's KvUse.
struct KvRecord {
  uint64_t peak_bytes = 0;
  uint64_t end_bytes = 0;
  double decode_mean_bytes = 0;
  uint64_t prefill_peak_bytes = 0;
  uint64_t allocated_bytes = 0;
  uint64_t score_bytes = 0;
  std::vector<int> tokens_by_layer;   // [layers]
  std::vector<int> requested_tokens;  // [layers]; -1: no limit
  uint64_t evictions = 0;
  uint64_t moved_rows = 0;
};

struct TimeRecord {
  double prefill_s = 0;
  double compress_s = 0;
  double decode_s = 0;
  double select_s = 0;
  double step_p50_s = 0;
  double step_p99_s = 0;
};

struct SampleRecord {
  std::string sample;
  std::string prompt_sha256;
  std::optional<int> prompt_tokens;  // this and the other optional fields: unknown in imported runs
  std::optional<int> output_tokens;
  bool prompt_cut = false;  // the model was given the prompt without its middle
  std::string text;
  std::optional<FinishReason> finish;
  std::string error;                   // why finish is kError
  std::map<int, std::string> answers;  // by question number, as the clean scorer reads them; unparsed: absent
  std::optional<KvRecord> kv;
  std::optional<TimeRecord> time;  // absent in accuracy mode
  std::optional<std::string> token_ids_sha256;
  // Published methods that count on from prompt to prompt: their three counters after this sample.
  std::vector<int64_t> published_counters;
};

nlohmann::json ToJson(const TimeRecord& time);
nlohmann::json ToJson(const SampleRecord& record);

// DataLoss naming `where` and the field.
absl::StatusOr<TimeRecord> TimeRecordFromJson(const nlohmann::json& json, const std::string& where);

// DataLoss naming `where` ("samples.jsonl:3") and the field.
absl::StatusOr<SampleRecord> SampleRecordFromJson(const nlohmann::json& json, const std::string& where);

// SHA-256 over the ids as 32-bit little-endian two's-complement integers.
std::string TokenIdsSha256(std::span<const int> ids);

}  // namespace kvscope
