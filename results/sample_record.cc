#include "results/sample_record.h"

#include <array>
#include <charconv>

#include "fmt/format.h"
#include "results/base/json_fields.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr std::array kReasons = {FinishReason::kEos, FinishReason::kLength, FinishReason::kError};

json ToJson(const KvRecord& kv) {
  return {{"peak_bytes", kv.peak_bytes},
          {"end_bytes", kv.end_bytes},
          {"decode_mean_bytes", kv.decode_mean_bytes},
          {"prefill_peak_bytes", kv.prefill_peak_bytes},
          {"allocated_bytes", kv.allocated_bytes},
          {"score_bytes", kv.score_bytes},
          {"tokens_by_layer", kv.tokens_by_layer},
          {"requested_tokens", kv.requested_tokens},
          {"evictions", kv.evictions},
          {"moved_rows", kv.moved_rows}};
}

absl::Status Read(const JsonFields& fields, KvRecord& kv) {
  RETURN_IF_ERROR(fields.Read("peak_bytes", kv.peak_bytes));
  RETURN_IF_ERROR(fields.Read("end_bytes", kv.end_bytes));
  RETURN_IF_ERROR(fields.Read("decode_mean_bytes", kv.decode_mean_bytes));
  RETURN_IF_ERROR(fields.Read("prefill_peak_bytes", kv.prefill_peak_bytes));
  RETURN_IF_ERROR(fields.Read("allocated_bytes", kv.allocated_bytes));
  RETURN_IF_ERROR(fields.Read("score_bytes", kv.score_bytes));
  RETURN_IF_ERROR(fields.Read("tokens_by_layer", kv.tokens_by_layer));
  RETURN_IF_ERROR(fields.Read("requested_tokens", kv.requested_tokens));
  RETURN_IF_ERROR(fields.Read("evictions", kv.evictions));
  return fields.Read("moved_rows", kv.moved_rows);
}

absl::Status Read(const JsonFields& fields, TimeRecord& time) {
  RETURN_IF_ERROR(fields.Read("prefill_s", time.prefill_s));
  RETURN_IF_ERROR(fields.Read("compress_s", time.compress_s));
  RETURN_IF_ERROR(fields.Read("decode_s", time.decode_s));
  RETURN_IF_ERROR(fields.Read("select_s", time.select_s));
  RETURN_IF_ERROR(fields.Read("step_p50_s", time.step_p50_s));
  return fields.Read("step_p99_s", time.step_p99_s);
}

// A nested object into `out`; absent is nullopt.
template <typename T>
absl::Status ReadNested(const JsonFields& fields, const char* name, std::optional<T>& out) {
  if (!fields.Has(name)) return absl::OkStatus();
  json nested;
  RETURN_IF_ERROR(fields.ReadObject(name, nested));
  return Read(JsonFields(nested, fields.Nested(name)), out.emplace());
}

absl::Status ReadFinish(const JsonFields& fields, std::optional<FinishReason>& out) {
  std::optional<std::string> name;
  RETURN_IF_ERROR(fields.Read("finish", name));
  if (!name) return absl::OkStatus();
  for (const FinishReason reason : kReasons)
    if (*name == Name(reason)) out = reason;
  return out ? absl::OkStatus() : fields.Error("finish", "\"eos\", \"length\" or \"error\"");
}

absl::Status ReadAnswers(const JsonFields& fields, std::map<int, std::string>& out) {
  json answers;
  RETURN_IF_ERROR(fields.ReadObject("answers", answers));
  for (const auto& [key, value] : answers.items()) {
    int number = 0;
    const char* const end = key.data() + key.size();
    const auto parsed = std::from_chars(key.data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end || !value.is_string())
      return fields.Error("answers", "an object of strings by question number");
    out[number] = value.get<std::string>();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRecordSchema(const JsonFields& fields) {
  int schema = 0;
  RETURN_IF_ERROR(fields.Read("schema", schema));
  if (schema >= kOldestRecordSchema && schema <= kRecordSchema) return absl::OkStatus();
  return fields.Error("schema", fmt::format("{} to {}", kOldestRecordSchema, kRecordSchema));
}

std::string_view Name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kEos:
      return "eos";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kError:
      return "error";
  }
  return "error";
}

json ToJson(const TimeRecord& time) {
  return {{"prefill_s", time.prefill_s}, {"compress_s", time.compress_s}, {"decode_s", time.decode_s},
          {"select_s", time.select_s},   {"step_p50_s", time.step_p50_s}, {"step_p99_s", time.step_p99_s}};
}

absl::StatusOr<TimeRecord> TimeRecordFromJson(const json& value, const std::string& where) {
  TimeRecord time;
  RETURN_IF_ERROR(Read(JsonFields(value, where), time));
  return time;
}

json ToJson(const SampleRecord& record) {
  json answers = json::object();
  for (const auto& [number, answer] : record.answers) answers[std::to_string(number)] = answer;
  json out = {{"schema", kRecordSchema},
              {"sample", record.sample},
              {"prompt_sha256", record.prompt_sha256},
              {"text", record.text},
              {"answers", std::move(answers)}};
  if (record.prompt_tokens) out["prompt_tokens"] = *record.prompt_tokens;
  if (record.output_tokens) out["output_tokens"] = *record.output_tokens;
  if (record.prompt_cut) out["prompt_cut"] = true;
  if (record.finish) out["finish"] = Name(*record.finish);
  if (!record.error.empty()) out["error"] = record.error;
  if (record.kv) out["kv"] = ToJson(*record.kv);
  if (record.time) out["time"] = ToJson(*record.time);
  if (record.token_ids_sha256) out["token_ids_sha256"] = *record.token_ids_sha256;
  if (!record.published_counters.empty()) out["published_counters"] = record.published_counters;
  return out;
}

absl::StatusOr<SampleRecord> SampleRecordFromJson(const json& value, const std::string& where) {
  const JsonFields fields(value, where);
  RETURN_IF_ERROR(fields.CheckIsObject());
  RETURN_IF_ERROR(CheckRecordSchema(fields));
  SampleRecord record;
  RETURN_IF_ERROR(fields.Read("sample", record.sample));
  RETURN_IF_ERROR(fields.Read("prompt_sha256", record.prompt_sha256));
  RETURN_IF_ERROR(fields.Read("prompt_tokens", record.prompt_tokens));
  RETURN_IF_ERROR(fields.Read("output_tokens", record.output_tokens));
  if (fields.Has("prompt_cut")) RETURN_IF_ERROR(fields.Read("prompt_cut", record.prompt_cut));
  RETURN_IF_ERROR(fields.Read("text", record.text));
  RETURN_IF_ERROR(ReadFinish(fields, record.finish));
  std::optional<std::string> error;
  RETURN_IF_ERROR(fields.Read("error", error));
  record.error = error.value_or("");
  RETURN_IF_ERROR(ReadAnswers(fields, record.answers));
  RETURN_IF_ERROR(ReadNested(fields, "kv", record.kv));
  RETURN_IF_ERROR(ReadNested(fields, "time", record.time));
  RETURN_IF_ERROR(fields.Read("token_ids_sha256", record.token_ids_sha256));
  if (fields.Has("published_counters"))
    RETURN_IF_ERROR(fields.Read("published_counters", record.published_counters));
  return record;
}

std::string TokenIdsSha256(std::span<const int> ids) {
  std::string bytes;
  bytes.reserve(ids.size() * sizeof(uint32_t));
  for (const int id : ids)
    for (int shift = 0; shift < 32; shift += 8)
      bytes.push_back(static_cast<char>(static_cast<uint32_t>(id) >> shift & 0xff));
  return Sha256Hex(bytes);
}

}  // namespace kvscope
