#include "datasets/arith/arith.h"

#include <algorithm>
#include <string_view>

#include "datasets/arith/random.h"
#include "embedded/arith_fillers.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr int kMaxValue = 99;
constexpr int kMinOperand = 10;
constexpr int kMaxOperand = 90;
constexpr int kMaxStep = 9;
constexpr int kNearDistance = 3;
// Fractional digits of the square root of 2: keeps evaluation apart from any other use of the generator.
constexpr uint64_t kEvaluationStream = 0x6a09e667f3bcc908u;

struct Question {
  int number = 0;
  int refers = 0;  // 0: direct
  bool far = false;
  int first = 0;  // the operand, or for a chained question the result referred to
  bool plus = true;
  int second = 0;
  int result = 0;
};

std::vector<std::string_view> Fillers() {
  std::vector<std::string_view> fillers;
  std::string_view rest = embedded::arith_fillers();
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (end > 0) fillers.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return fillers;
}

Question Draw(SplitMix64& random, const ArithOptions& options, const std::vector<Question>& earlier) {
  Question question{.number = static_cast<int>(earlier.size()) + 1};
  question.second = random.Between(1, kMaxStep);
  if (!earlier.empty() && random.Chance(options.chained_share)) {
    const int count = static_cast<int>(earlier.size());
    question.far = random.Chance(options.far_share);
    const int distance =
        question.far ? random.Between(1, count) : std::min(count, random.Between(1, kNearDistance));
    question.refers = question.number - distance;
    question.first = earlier[static_cast<size_t>(question.refers - 1)].result;
  } else {
    question.first = random.Between(kMinOperand, kMaxOperand);
  }
  question.plus = random.Chance(0.5);
  if (question.first + question.second > kMaxValue) question.plus = false;
  if (question.first - question.second < 0) question.plus = true;
  question.result = question.plus ? question.first + question.second : question.first - question.second;
  return question;
}

std::string QuestionText(const Question& question) {
  const char sign = question.plus ? '+' : '-';
  if (question.refers == 0) return fmt::format("{} {} {}?", question.first, sign, question.second);
  return fmt::format("A{} {} {}?", question.refers, sign, question.second);
}

std::string AnswerText(const Question& question) {
  const std::string reference = question.refers == 0 ? "" : fmt::format("A{} ", question.refers);
  return fmt::format("Answer_{0}: {1}{2} {3} {4} = {5}. The answer is {5}. A{0} {5}", question.number,
                     reference, question.first, question.plus ? '+' : '-', question.second, question.result);
}

PromptQuestion ToPromptQuestion(const Question& question) {
  PromptQuestion out;
  out.number = question.number;
  out.question = QuestionText(question);
  out.answer = AnswerText(question);
  out.gold = fmt::format("{}", question.result);
  out.kind = "direct";
  if (question.refers != 0) {
    out.kind = question.far ? "chained_far" : "chained_near";
    out.refers = question.refers;
    out.value = question.first;
  }
  return out;
}

// The whole part of `mean`, and one more as often as its fraction says.
int FillersOfLine(SplitMix64& random, double mean) {
  const int whole = static_cast<int>(mean);
  return whole + (random.Chance(mean - whole) ? 1 : 0);
}

Prompt Generate(const ArithOptions& options, int index, const std::vector<std::string_view>& fillers) {
  SplitMix64 random(SplitMix64(kEvaluationStream ^ options.seed).Next() ^
                    SplitMix64(static_cast<uint64_t>(index)).Next());
  std::vector<Question> questions;
  while (static_cast<int>(questions.size()) < options.questions)
    questions.push_back(Draw(random, options, questions));

  Prompt prompt;
  prompt.sample = fmt::format("arith+/{}/{:03}", options.questions, index);
  prompt.task = "arith+";
  prompt.variant = "clean";
  prompt.text = "Questions:\n";
  for (const Question& question : questions) {
    PromptQuestion& out = prompt.questions.emplace_back(ToPromptQuestion(question));
    out.begin = prompt.text.size();
    prompt.text += fmt::format("Q{}: {}", out.number, out.question);
    for (int i = FillersOfLine(random, options.fillers_per_line); i > 0; --i) {
      prompt.text += ' ';
      prompt.text += fillers[static_cast<size_t>(random.Between(0, static_cast<int>(fillers.size()) - 1))];
    }
    out.end = prompt.text.size();
    prompt.text += '\n';
  }
  prompt.text += "Answers:\n";
  return prompt;
}

absl::Status CheckShare(std::string_view name, double share) {
  if (share >= 0.0 && share <= 1.0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("arith+: {}: expected a share from 0 to 1, found {}", name, share));
}

}  // namespace

absl::Status Validate(const ArithOptions& options) {
  if (options.questions < kArithMinQuestions || options.questions > kArithMaxQuestions) {
    return absl::InvalidArgumentError(fmt::format("arith+: questions: expected {} to {}, found {}",
                                                  kArithMinQuestions, kArithMaxQuestions, options.questions));
  }
  if (options.prompts < 1)
    return absl::InvalidArgumentError(
        fmt::format("arith+: prompts: expected at least 1, found {}", options.prompts));
  RETURN_IF_ERROR(CheckShare("chained share", options.chained_share));
  RETURN_IF_ERROR(CheckShare("far share", options.far_share));
  if (!(options.fillers_per_line >= 0.0 && options.fillers_per_line <= kArithMaxFillersPerLine))
    return absl::InvalidArgumentError(fmt::format("arith+: fillers a line: expected 0 to {}, found {}",
                                                  kArithMaxFillersPerLine, options.fillers_per_line));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Prompt>> GenerateArith(const ArithOptions& options) {
  RETURN_IF_ERROR(Validate(options));
  const std::vector<std::string_view> fillers = Fillers();
  std::vector<Prompt> prompts;
  for (int i = 0; i < options.prompts; ++i) prompts.push_back(Generate(options, i, fillers));
  return prompts;
}

}  // namespace kvscope
