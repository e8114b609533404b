#include "eval/inspect/trace.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

absl::Status FieldError(const std::string& path, size_t line, std::string_view field,
                        std::string_view expected) {
  return absl::DataLossError(fmt::format("{}:{}: {}: expected {}", path, line, field, expected));
}

bool IsInt(const json& value) {
  if (value.is_number_unsigned()) return std::in_range<int>(value.get<uint64_t>());
  return value.is_number_integer() && std::in_range<int>(value.get<int64_t>());
}

template <typename T>
bool ReadNumbers(const json& line, const char* field, std::vector<T>* out) {
  const auto found = line.find(field);
  if (found == line.end() || !found->is_array()) return false;
  for (const json& number : *found) {
    if (std::is_integral_v<T> ? !IsInt(number) : !number.is_number()) return false;
    out->push_back(number.get<T>());
  }
  return true;
}

absl::StatusOr<LedgerRow> RowFromJson(const json& line, const std::string& path, size_t number) {
  LedgerRow row;
  if (!line.is_object()) return FieldError(path, number, "line", "an object");
  for (const auto& [field, value] : {std::pair("step", &row.step), std::pair("layer", &row.layer),
                                     std::pair("head", &row.head), std::pair("tokens", &row.tokens)}) {
    const auto found = line.find(field);
    if (found == line.end() || !IsInt(*found))
      return FieldError(path, number, field, "an integer of 32 bits");
    *value = found->get<int>();
  }
  if (!ReadNumbers(line, "evicted", &row.evicted))
    return FieldError(path, number, "evicted", "a list of integers of 32 bits");
  if (line.contains("attention") && !ReadNumbers(line, "attention", &row.evicted_attention)) {
    return FieldError(path, number, "attention", "a list of numbers");
  }
  if (!row.evicted_attention.empty() && row.evicted_attention.size() != row.evicted.size()) {
    return FieldError(path, number, "attention", "as many numbers as positions");
  }
  return row;
}

auto Place(const LedgerRow& row) { return std::tuple(row.step, row.layer, row.head); }

// "12 (attention 0.0031)" for each position that `row` gave up and `other` did not.
std::string OnlyIn(const LedgerRow& row, const std::vector<int>& other) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < row.evicted.size(); ++i) {
    if (std::binary_search(other.begin(), other.end(), row.evicted[i])) continue;
    parts.push_back(row.evicted_attention.empty()
                        ? fmt::format("{}", row.evicted[i])
                        : fmt::format("{} (attention {:.6g})", row.evicted[i], row.evicted_attention[i]));
  }
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

}  // namespace

json TraceLine(const LedgerRow& row) {
  json line = {{"step", row.step},
               {"layer", row.layer},
               {"head", row.head},
               {"tokens", row.tokens},
               {"evicted", row.evicted}};
  if (!row.evicted_attention.empty()) line["attention"] = row.evicted_attention;
  return line;
}

absl::StatusOr<Trace> ReadTrace(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<json> lines, ReadJsonLines(path));
  if (lines.empty() || !lines[0].is_object() || lines[0].value("format", json()) != "kvscope-trace-1") {
    return FieldError(path, 1, "format", "\"kvscope-trace-1\"");
  }
  Trace trace{.header = lines[0], .rows = {}};
  for (size_t i = 1; i < lines.size(); ++i) {
    ASSIGN_OR_RETURN(LedgerRow row, RowFromJson(lines[i], path, i + 1));
    trace.rows.push_back(std::move(row));
  }
  return trace;
}

std::string FirstDifference(const Trace& a, const Trace& b) {
  for (const char* field : {"model_sha256", "prompt_sha256", "method", "layers", "heads"}) {
    const json in_a = a.header.value(field, json()), in_b = b.header.value(field, json());
    if (in_a != in_b) return fmt::format("{}: {} in one, {} in the other", field, in_a.dump(), in_b.dump());
  }
  const size_t common = std::min(a.rows.size(), b.rows.size());
  for (size_t i = 0; i <= common; ++i) {
    if (i == common && a.rows.size() == b.rows.size()) return "";
    // Beyond the shorter one's end, or where the places differ, one gave nothing up at the earlier place.
    const bool only_a = i >= b.rows.size() || (i < a.rows.size() && Place(a.rows[i]) < Place(b.rows[i]));
    const bool only_b = i >= a.rows.size() || (i < b.rows.size() && Place(b.rows[i]) < Place(a.rows[i]));
    const LedgerRow& at = only_b ? b.rows[i] : a.rows[i];
    const LedgerRow nothing;
    const LedgerRow& in_a = only_b ? nothing : a.rows[i];
    const LedgerRow& in_b = only_a ? nothing : b.rows[i];
    if (in_a.evicted == in_b.evicted) continue;
    return fmt::format("step {}, layer {}, head {}: given up only in the first {}, only in the second {}",
                       at.step, at.layer, at.head, OnlyIn(in_a, in_b.evicted), OnlyIn(in_b, in_a.evicted));
  }
  return "";
}

std::string TraceHash(const Trace& trace) {
  json header;
  for (const char* field : {"model_sha256", "prompt_sha256", "method", "layers", "heads"}) {
    header[field] = trace.header.value(field, json());
  }
  Sha256 hash;
  hash.Update(header.dump());
  for (const LedgerRow& row : trace.rows) {
    if (!row.evicted.empty()) hash.Update(json{row.step, row.layer, row.head, row.evicted}.dump());
  }
  return hash.HexDigest();
}

}  // namespace kvscope
