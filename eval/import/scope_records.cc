#include "eval/import/scope_records.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "eval/scorers/written_number.h"
#include "fmt/format.h"
#include "results/base/json_fields.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// The chat format of the published Llama-3 runs.
constexpr std::string_view kSystemBegin = "<<SYS>>\n ";
constexpr std::string_view kSystemEnd = " \n<</SYS>>\n\n";
constexpr std::string_view kQuestionMark = "Question_";
constexpr std::string_view kGoldMark = "####";

struct TaskSize {
  std::string_view task;
  int questions_4k;
  int questions_8k;
  size_t records_4k;  // of the data set
};
constexpr std::array<TaskSize, 3> kTaskSizes = {
    {{"gsm8k+", 30, 60, 43}, {"mmlu+", 30, 60, 57}, {"csqa+", 40, 80, 30}}};

// The published MMLU+ runs lack these samples of the data set.
constexpr std::array<size_t, 4> kDroppedMmluSamples = {21, 30, 31, 48};

// One "Question_N:" of a prompt.
struct QuestionHeader {
  int number = 0;
  size_t begin = 0;
  size_t end = 0;  // behind the colon
};

std::vector<QuestionHeader> FindQuestions(std::string_view text) {
  std::vector<QuestionHeader> headers;
  for (size_t at = 0; (at = text.find(kQuestionMark, at)) != std::string_view::npos;) {
    QuestionHeader header{.begin = at};
    at += kQuestionMark.size();
    const auto parsed = std::from_chars(text.data() + at, text.data() + text.size(), header.number);
    header.end = static_cast<size_t>(parsed.ptr - text.data()) + 1;
    if (parsed.ec == std::errc() && text.substr(header.end - 1, 1) == ":") headers.push_back(header);
  }
  return headers;
}

// The gold in the clean scorer's form; nullopt where the answer is not of the task's kind.
std::optional<std::string> CleanGold(const std::string& task, std::string_view answer) {
  if (task != "gsm8k+") {
    const char last = task == "mmlu+" ? 'D' : 'E';
    if (answer.size() != 1 || answer[0] < 'A' || answer[0] > last) return std::nullopt;
    return std::string(answer);
  }
  const size_t mark = answer.rfind(kGoldMark);
  if (mark == std::string_view::npos) return std::nullopt;
  const size_t begin = answer.find_first_not_of(' ', mark + kGoldMark.size());
  const auto number = ParseWrittenNumber(answer, std::min(begin, answer.size()));
  return number ? std::optional(number->canonical) : std::nullopt;
}

absl::Status AddQuestions(const std::vector<std::string>& questions, const std::vector<std::string>& answers,
                          const JsonFields& fields, Prompt& prompt) {
  if (answers.size() != questions.size())
    return fields.Error("answers", fmt::format("{}, one a question,", questions.size()));
  const std::vector<QuestionHeader> headers = FindQuestions(prompt.text);
  if (headers.size() < questions.size())
    return fields.Error("prompt", fmt::format("{} questions", questions.size()));
  const size_t examples = headers.size() - questions.size();
  for (size_t i = 0; i < questions.size(); ++i) {
    const QuestionHeader& header = headers[examples + i];
    const size_t begin = std::min(prompt.text.find_first_not_of(" \n", header.end), prompt.text.size());
    const std::string_view asked = std::string_view(questions[i]);
    const size_t skipped = std::min(asked.find_first_not_of(" \n"), asked.size());
    if (prompt.text.compare(begin, asked.size() - skipped, asked.substr(skipped)) != 0)
      return fields.Error("questions", fmt::format("[{}] to be the prompt's question {}", i, header.number));
    const std::optional<std::string> gold = CleanGold(prompt.task, answers[i]);
    if (!gold) return fields.Error("answers", fmt::format("[{}] to be one of {}", i, prompt.task));
    PromptQuestion& question = prompt.questions.emplace_back();
    question.number = header.number;
    question.question = questions[i];
    question.answer = answers[i];
    question.gold = *gold;
    question.begin = header.begin;
    question.end = begin + asked.size() - skipped;
  }
  return absl::OkStatus();
}

absl::StatusOr<ScopePrediction> ParseRecord(const nlohmann::json& json, const std::string& task,
                                            const std::string& where) {
  const JsonFields fields(json, where);
  ScopePrediction prediction;
  std::string rendered;
  std::vector<std::string> questions, answers;
  RETURN_IF_ERROR(fields.Read("prompt", rendered));
  RETURN_IF_ERROR(fields.Read("questions", questions));
  RETURN_IF_ERROR(fields.Read("answers", answers));
  RETURN_IF_ERROR(fields.Read("pred", prediction.text));
  const size_t system_end = rendered.find(kSystemEnd);
  if (rendered.rfind(kSystemBegin, 0) != 0 || system_end == std::string::npos)
    return fields.Error("prompt", "the published format of Llama 3, \"<<SYS>>...\"");
  Prompt& prompt = prediction.prompt;
  prompt.task = task;
  prompt.variant = "published";
  prompt.system = rendered.substr(kSystemBegin.size(), system_end - kSystemBegin.size());
  prompt.text = rendered.substr(system_end + kSystemEnd.size());
  RETURN_IF_ERROR(AddQuestions(questions, answers, fields, prompt));
  return prediction;
}

// Place in the data set of the file's record `index`.
size_t DataSetIndex(const TaskSize& task, size_t records, size_t index) {
  if (task.task != "mmlu+" || records != task.records_4k - kDroppedMmluSamples.size()) return index;
  for (const size_t dropped : kDroppedMmluSamples) index += dropped <= index ? 1 : 0;
  return index;
}

}  // namespace

absl::StatusOr<ScopePredictions> ReadScopePredictions(const std::string& path, const std::string& task) {
  const auto size = std::ranges::find(kTaskSizes, task, &TaskSize::task);
  if (size == kTaskSizes.end())
    return absl::InvalidArgumentError(fmt::format("{}: unknown task '{}'", path, task));
  ASSIGN_OR_RETURN(const std::vector<nlohmann::json> records, ReadJsonLines(path));
  if (records.empty()) return absl::DataLossError(fmt::format("{}: holds no predictions", path));
  ScopePredictions out;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::string where = fmt::format("{}: record {}", path, i + 1);
    ASSIGN_OR_RETURN(ScopePrediction prediction, ParseRecord(records[i], task, where));
    const int questions = static_cast<int>(prediction.prompt.questions.size());
    if (i == 0) out.questions = questions;
    if (questions != out.questions || (questions != size->questions_4k && questions != size->questions_8k))
      return absl::DataLossError(fmt::format("{}: expected {} questions of {} ({} for 8k), found {}", where,
                                             size->questions_4k, task, size->questions_8k, questions));
    prediction.prompt.sample =
        fmt::format("{}/{}/{:03}", task, questions, DataSetIndex(*size, records.size(), i));
    out.predictions.push_back(std::move(prediction));
  }
  out.length = out.questions == size->questions_4k ? "4k" : "8k";
  return out;
}

}  // namespace kvscope
