#include "results/base/jsonl.h"

#include <sstream>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// Where `text`, if it is JSON, first nests lists and objects deeper than kMaxJsonNesting; npos: nowhere.
size_t FindTooDeep(std::string_view text) {
  int depth = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
      case '[':
      case '{':
        if (++depth > kMaxJsonNesting) return i;
        break;
      case ']':
      case '}':
        --depth;
        break;
      case '"':  // to the string's end
        while (++i < text.size() && text[i] != '"')
          if (text[i] == '\\') ++i;
        break;
      default:
        break;
    }
  }
  return std::string_view::npos;
}

}  // namespace

absl::StatusOr<nlohmann::json> ParseJson(std::string_view text, std::string_view name) {
  if (const size_t byte = FindTooDeep(text); byte != std::string_view::npos)
    return absl::DataLossError(
        fmt::format("{}: byte {}: expected lists and objects at most {} deep, found more", name, byte + 1,
                    kMaxJsonNesting));
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    return absl::DataLossError(fmt::format("{}: byte {}: not valid JSON", name, error.byte));
  } catch (const nlohmann::json::exception& error) {
    return absl::DataLossError(fmt::format("{}: not valid JSON: {}", name, error.what()));
  }
}

absl::StatusOr<nlohmann::json> ReadJsonFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  return ParseJson(text, path);
}

absl::StatusOr<std::vector<nlohmann::json>> ReadJsonLines(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  std::vector<nlohmann::json> values;
  int line_number = 0;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    ASSIGN_OR_RETURN(nlohmann::json value, ParseJson(line, fmt::format("{}:{}", path, line_number)));
    values.push_back(std::move(value));
  }
  return values;
}

std::string DumpJson(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

}  // namespace kvscope
