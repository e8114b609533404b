// JSON and JSON Lines from outside: parse errors name the file and the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// Copying, comparing and writing a value recurse: a file of brackets alone would overflow the stack.
inline constexpr int kMaxJsonNesting = 64;

// `name` stands in messages, as in "plan.json: byte 17: ...". DataLoss when `text` is not one JSON value, or
// is nested deeper than kMaxJsonNesting.
absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, std::string_view name);

// NotFound or Unavailable from the file, DataLoss from its content.
absl::StatusOr<nlohmann::json> ReadJsonFile(const std::string& path);

// One value a line; blank lines are skipped. DataLoss naming "path:line" at the first line that does not
// parse.
absl::StatusOr<std::vector<nlohmann::json>> ReadJsonLines(const std::string& path);

// Text for a file or stdout. Bytes that are not UTF-8 (a cut model output) become U+FFFD; never throws.
std::string DumpJson(const nlohmann::json& value, int indent = -1);

}  // namespace kvscope
