#include "datasets/prompt.h"

#include <limits>
#include <string_view>
#include <utility>

#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

// Reads the fields of one JSON object; `where` ("prompts.jsonl:3: questions[2]") stands in every message.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {}

  absl::Status CheckObject() const {
    return object_.is_object() ? absl::OkStatus() : Error("", "an object", object_);
  }

  absl::Status Read(const char* name, std::string& out) const {
    const auto field = object_.find(name);
    if (field == object_.end()) return Error(name, "a string", nullptr);
    if (!field->is_string()) return Error(name, "a string", *field);
    out = field->get<std::string>();
    return absl::OkStatus();
  }

  template <typename Integer>
  absl::Status Read(const char* name, Integer& out) const {
    const auto field = object_.find(name);
    constexpr uint64_t kMax = std::numeric_limits<Integer>::max();
    const std::string expected = fmt::format("an integer from 0 to {}", kMax);
    if (field == object_.end()) return Error(name, expected, nullptr);
    const bool negative =
        !field->is_number_unsigned() && field->is_number_integer() && field->get<int64_t>() < 0;
    if (!field->is_number_integer() || negative || field->get<uint64_t>() > kMax)
      return Error(name, expected, *field);
    out = field->get<Integer>();
    return absl::OkStatus();
  }

  template <typename Value, typename Out>
  absl::Status ReadIfPresent(const char* name, Out& out) const {
    if (!object_.contains(name)) return absl::OkStatus();
    Value value{};
    RETURN_IF_ERROR(Read(name, value));
    out = std::move(value);
    return absl::OkStatus();
  }

  absl::Status Error(std::string_view name, std::string_view expected, const json& found) const {
    constexpr size_t kMaxShown = 80;
    std::string shown = found.is_null() ? "nothing" : DumpJson(found);
    if (shown.size() > kMaxShown) shown = shown.substr(0, kMaxShown) + "...";
    return absl::InvalidArgumentError(fmt::format("{}: {}{}expected {}, found {}", where_, name,
                                                  name.empty() ? "" : ": ", expected, shown));
  }

 private:
  const json& object_;
  std::string where_;
};

absl::StatusOr<PromptQuestion> QuestionFromJson(const json& value, size_t text_size,
                                                const std::string& where) {
  const Fields fields(value, where);
  RETURN_IF_ERROR(fields.CheckObject());
  PromptQuestion question;
  RETURN_IF_ERROR(fields.Read("number", question.number));
  RETURN_IF_ERROR(fields.Read("question", question.question));
  RETURN_IF_ERROR(fields.Read("answer", question.answer));
  RETURN_IF_ERROR(fields.Read("gold", question.gold));
  RETURN_IF_ERROR(fields.Read("begin", question.begin));
  RETURN_IF_ERROR(fields.Read("end", question.end));
  RETURN_IF_ERROR(fields.ReadIfPresent<std::string>("kind", question.kind));
  RETURN_IF_ERROR(fields.ReadIfPresent<int>("refers", question.refers));
  RETURN_IF_ERROR(fields.ReadIfPresent<int>("value", question.value));
  if (question.end > text_size)
    return fields.Error("end", fmt::format("at most the text's {} bytes", text_size), question.end);
  if (question.begin > question.end)
    return fields.Error("begin", fmt::format("at most end, {}", question.end), question.begin);
  return question;
}

json QuestionToJson(const PromptQuestion& question) {
  json out{{"number", question.number}, {"question", question.question}, {"answer", question.answer},
           {"gold", question.gold},     {"begin", question.begin},       {"end", question.end}};
  if (!question.kind.empty()) out["kind"] = question.kind;
  if (question.refers) out["refers"] = *question.refers;
  if (question.value) out["value"] = *question.value;
  return out;
}

}  // namespace

std::string Prompt::Hash() const {
  Sha256 hash;
  hash.Update(system);
  hash.Update(std::string_view("\0", 1));
  hash.Update(text);
  return hash.HexDigest();
}

json ToJson(const Prompt& prompt) {
  json questions = json::array();
  for (const PromptQuestion& question : prompt.questions) questions.push_back(QuestionToJson(question));
  return {{"sample", prompt.sample}, {"task", prompt.task}, {"variant", prompt.variant},
          {"system", prompt.system}, {"text", prompt.text}, {"questions", std::move(questions)}};
}

absl::StatusOr<Prompt> PromptFromJson(const json& value, const std::string& name) {
  const Fields fields(value, name);
  RETURN_IF_ERROR(fields.CheckObject());
  Prompt prompt;
  RETURN_IF_ERROR(fields.Read("sample", prompt.sample));
  RETURN_IF_ERROR(fields.Read("task", prompt.task));
  RETURN_IF_ERROR(fields.Read("variant", prompt.variant));
  RETURN_IF_ERROR(fields.Read("system", prompt.system));
  RETURN_IF_ERROR(fields.Read("text", prompt.text));
  const auto questions = value.find("questions");
  if (questions == value.end()) return fields.Error("questions", "a list", nullptr);
  if (!questions->is_array()) return fields.Error("questions", "a list", *questions);
  for (size_t i = 0; i < questions->size(); ++i) {
    ASSIGN_OR_RETURN(PromptQuestion question, QuestionFromJson((*questions)[i], prompt.text.size(),
                                                               fmt::format("{}: questions[{}]", name, i)));
    prompt.questions.push_back(std::move(question));
  }
  return prompt;
}

}  // namespace kvscope
