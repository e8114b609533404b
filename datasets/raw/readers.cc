#include "datasets/raw/readers.h"

#include <string_view>

#include "datasets/raw/csv.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr size_t kMmluOptions = 4;
constexpr size_t kCsqaOptions = 5;

absl::Status Error(const std::string& where, std::string_view field, std::string_view expected,
                   std::string_view found) {
  return absl::DataLossError(fmt::format("{}: {}: expected {}, found {}", where, field, expected, found));
}

absl::StatusOr<std::string> StringField(const json& object, const std::string& where, const char* field) {
  const auto found = object.is_object() ? object.find(field) : object.end();
  if (!object.is_object() || found == object.end()) return Error(where, field, "a string", "nothing");
  if (!found->is_string()) return Error(where, field, "a string", DumpJson(*found));
  return found->get<std::string>();
}

absl::Status CheckLetter(const std::string& where, const std::string& answer, size_t options) {
  if (answer.size() == 1 && answer[0] >= 'A' && answer[0] < static_cast<char>('A' + options))
    return absl::OkStatus();
  return Error(where, "answer", fmt::format("a letter from A to {}", static_cast<char>('A' + options - 1)),
               answer);
}

absl::StatusOr<std::vector<std::string>> CsqaOptions(const json& record, const std::string& where) {
  const json choices = record.value("choices", json());
  const json labels = choices.is_object() ? choices.value("label", json()) : json();
  const json texts = choices.is_object() ? choices.value("text", json()) : json();
  if (labels != json({"A", "B", "C", "D", "E"}))
    return Error(where, "choices.label", "[A, B, C, D, E]", DumpJson(labels));
  if (!texts.is_array() || texts.size() != kCsqaOptions)
    return Error(where, "choices.text", "five strings", DumpJson(texts));
  std::vector<std::string> options;
  for (const json& text : texts) {
    if (!text.is_string()) return Error(where, "choices.text", "five strings", DumpJson(texts));
    options.push_back(text.get<std::string>());
  }
  return options;
}

}  // namespace

absl::StatusOr<std::vector<Example>> ReadGsm8k(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<json> records, ReadJsonLines(path));
  std::vector<Example> examples;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string where = fmt::format("{}: record {}", path, i);
    Example& example = examples.emplace_back();
    ASSIGN_OR_RETURN(example.question, StringField(records[i], where, "question"));
    ASSIGN_OR_RETURN(example.answer, StringField(records[i], where, "answer"));
  }
  return examples;
}

absl::StatusOr<std::vector<Example>> ReadCsqa(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<json> records, ReadJsonLines(path));
  std::vector<Example> examples;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string where = fmt::format("{}: record {}", path, i);
    Example& example = examples.emplace_back();
    ASSIGN_OR_RETURN(example.question, StringField(records[i], where, "question"));
    ASSIGN_OR_RETURN(example.answer, StringField(records[i], where, "answerKey"));
    ASSIGN_OR_RETURN(example.options, CsqaOptions(records[i], where));
    RETURN_IF_ERROR(CheckLetter(where, example.answer, kCsqaOptions));
  }
  return examples;
}

absl::StatusOr<std::vector<Example>> ReadMmlu(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  ASSIGN_OR_RETURN(const auto records, ParseCsv(text, path));
  std::vector<Example> examples;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string where = fmt::format("{}: record {}", path, i);
    const std::vector<std::string>& record = records[i];
    if (record.size() != kMmluOptions + 2)
      return Error(where, "fields", fmt::format("{}", kMmluOptions + 2), fmt::format("{}", record.size()));
    Example& example = examples.emplace_back();
    example.question = record.front();
    example.options.assign(record.begin() + 1, record.end() - 1);
    example.answer = record.back();
    RETURN_IF_ERROR(CheckLetter(where, example.answer, kMmluOptions));
  }
  return examples;
}

absl::StatusOr<std::map<std::string, std::string>> ReadMmluExamples(const std::string& path) {
  ASSIGN_OR_RETURN(const json value, ReadJsonFile(path));
  if (!value.is_object()) return Error(path, "value", "an object", DumpJson(value).substr(0, 80));
  std::map<std::string, std::string> examples;
  for (const auto& [subject, text] : value.items()) {
    if (!text.is_string()) return Error(path, subject, "a string", DumpJson(text));
    examples[subject] = text.get<std::string>();
  }
  return examples;
}

}  // namespace kvscope
