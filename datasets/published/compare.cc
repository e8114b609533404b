#include "datasets/published/compare.h"

#include <algorithm>
#include <set>

#include "fmt/format.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using nlohmann::json;

// A few bytes around the difference.
std::string Excerpt(const std::string& text, size_t at) {
  constexpr size_t kBefore = 20;
  constexpr size_t kLength = 60;
  const size_t begin = at - std::min(at, kBefore);
  return DumpJson(text.substr(begin, kLength));
}

// REQUIRES: the values differ.
std::string Describe(const std::string& where, const json& expected, const json& built) {
  if (expected.is_string() && built.is_string()) {
    const auto& a = expected.get_ref<const std::string&>();
    const auto& b = built.get_ref<const std::string&>();
    const auto at =
        static_cast<size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
    return fmt::format("{}: byte {}: expected {}, built {}", where, at, Excerpt(a, at), Excerpt(b, at));
  }
  if (expected.is_array() && built.is_array()) {
    for (size_t i = 0; i < std::min(expected.size(), built.size()); ++i) {
      if (expected[i] != built[i]) return Describe(fmt::format("{}[{}]", where, i), expected[i], built[i]);
    }
    return fmt::format("{}: expected {} items, built {}", where, expected.size(), built.size());
  }
  return fmt::format("{}: expected {}, built {}", where, Excerpt(DumpJson(expected), 0),
                     Excerpt(DumpJson(built), 0));
}

}  // namespace

json PublishedRecord(const Prompt& prompt, const std::string& subject) {
  json record{{"prompt", prompt.text}, {"questions", json::array()}, {"answers", json::array()}};
  if (!subject.empty()) record["task"] = subject;
  for (const PromptQuestion& question : prompt.questions) {
    record["questions"].push_back(question.question);
    record["answers"].push_back(question.answer);
  }
  return record;
}

std::string FirstDifference(const std::string& name, const std::vector<json>& expected,
                            const std::vector<json>& built) {
  for (size_t i = 0; i < std::min(expected.size(), built.size()); ++i) {
    if (expected[i] == built[i]) continue;
    const std::string where = fmt::format("{}: record {}", name, i);
    if (!expected[i].is_object()) return Describe(where, expected[i], built[i]);
    std::set<std::string> fields;
    for (const json* record : {&expected[i], &built[i]})
      for (const auto& [field, value] : record->items()) fields.insert(field);
    for (const std::string& field : fields) {
      const json a = expected[i].value(field, json());
      const json b = built[i].value(field, json());
      if (a != b) return Describe(fmt::format("{}: {}", where, field), a, b);
    }
  }
  if (expected.size() == built.size()) return "";
  return fmt::format("{}: expected {} records, built {}", name, expected.size(), built.size());
}

}  // namespace kvscope
