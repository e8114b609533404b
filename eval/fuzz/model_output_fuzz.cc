// What a model wrote, scored for every task and put into a report.
#include <cstdlib>

#include "datasets/arith/arith.h"
#include "datasets/number.h"
#include "eval/report/excerpt.h"
#include "eval/report/markup.h"
#include "eval/scorers/clean.h"
#include "eval/scorers/published.h"
#include "results/base/fuzz/fuzz_target.h"

namespace kvscope {
namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

std::vector<Prompt> SomePrompts() {
  std::vector<Prompt> prompts = *GenerateArith({.questions = kArithMinQuestions, .prompts = 1});
  for (const char* task : {"gsm8k+", "mmlu+", "csqa+"}) {
    Prompt& prompt = prompts.emplace_back();
    prompt.task = task;
    const bool number = prompt.task == "gsm8k+";
    for (const int n : {9, 10})
      prompt.questions.push_back(
          {.number = n, .answer = number ? "#### 1,000" : "B", .gold = number ? "1000" : "B"});
  }
  return prompts;
}

void CheckScore(const SampleScore& score, std::string_view text) {
  for (const QuestionScore& question : score.questions)
    Check(question.begin <= question.end && question.end <= text.size());
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  constexpr size_t kExcerptBytes = 40;
  static const std::vector<Prompt> prompts = SomePrompts();
  for (const Prompt& prompt : prompts) {
    CheckScore(ScoreClean(prompt, bytes), bytes);
    CheckScore(ScorePublished(prompt, bytes), bytes);
  }
  CanonicalNumber(bytes);
  Excerpt(bytes, kExcerptBytes);
  Check(EscapeMarkup(bytes).find_first_of("<>\"'") == std::string::npos);
}

std::vector<std::string> FuzzSeeds() {
  return {
      "Answer_9: 500 + 500 = $1,000. The answer is 1,000.\nAnswer_10: The answer is -3.50%.",
      "Answer_9:\nThe answer is (B) because.\nAnswer_10: answer is (C)",
      "Answer_1: 42 + 5 = 47. The answer is 47. A1 47\nAnswer_2: A1 47 - 3 = 44. The answer is 44. A2 44\n",
      "<script>alert(\"&'\")</script>\xff\xc3\xa9\xe2\x80\x89\xd9\xa3"};
}

}  // namespace kvscope
