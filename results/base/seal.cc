#include "results/base/seal.h"

#include <array>
#include <utility>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr int kIndent = 2;
constexpr size_t kDigits = 16;
constexpr const char* kField = "seal";

// What stands before and after the digits.
struct Layout {
  std::string_view before;
  std::string_view after;
};
constexpr Layout kLine = {",\"seal\":\"", "\"}"};
constexpr Layout kFile = {",\n  \"seal\": \"", "\"\n}\n"};

std::string DigitsOf(std::string_view sealed) { return Sha256Hex(sealed).substr(0, kDigits); }

std::string Seal(std::string_view text, std::string_view end, const Layout& layout) {
  text.remove_suffix(end.size());
  return fmt::format("{}{}{}{}", text, layout.before, DigitsOf(text), layout.after);
}

// OK, and `has_seal` false, for a text that does not end as `layout` does.
absl::Status CheckSeal(std::string_view text, const Layout& layout, const std::string& where,
                       bool& has_seal) {
  const size_t end = layout.before.size() + kDigits + layout.after.size();
  has_seal = text.size() >= end && text.ends_with(layout.after) &&
             text.substr(text.size() - end).starts_with(layout.before);
  if (!has_seal) return absl::OkStatus();
  const std::string_view found = text.substr(text.size() - kDigits - layout.after.size(), kDigits);
  const std::string expected = DigitsOf(text.substr(0, text.size() - end));
  if (found == expected) return absl::OkStatus();
  return absl::DataLossError(fmt::format(
      "{}: seal: expected {}, found {}: this was changed after it was written", where, expected, found));
}

bool IsOlderThanSeals(const nlohmann::json& object) {
  return object.is_object() && !object.contains(kField) && object.value("schema", nlohmann::json(1)) == 1;
}

}  // namespace

std::string SealedLine(const nlohmann::json& object) { return Seal(DumpJson(object), "}", kLine); }

std::string SealedFile(const nlohmann::json& object) { return Seal(DumpJson(object, kIndent), "\n}", kFile); }

absl::StatusOr<nlohmann::json> ParseSealed(std::string_view text, const std::string& where) {
  for (const Layout& layout : {kLine, kFile}) {
    bool has_seal = false;
    RETURN_IF_ERROR(CheckSeal(text, layout, where, has_seal));
    if (!has_seal) continue;
    ASSIGN_OR_RETURN(nlohmann::json object, ParseJson(text, where));
    object.erase(kField);
    return object;
  }
  ASSIGN_OR_RETURN(nlohmann::json object, ParseJson(text, where));
  if (!IsOlderThanSeals(object))
    return absl::DataLossError(
        fmt::format("{}: seal: expected {} digits as the last field, found none", where, kDigits));
  return object;
}

absl::StatusOr<nlohmann::json> ReadSealedFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseSealed(text, path);
}

absl::Status WriteSealedFile(const std::string& path, const nlohmann::json& object) {
  return WriteFileAtomically(path, SealedFile(object));
}

}  // namespace kvscope
