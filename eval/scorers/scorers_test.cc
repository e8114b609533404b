#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "eval/scorers/clean.h"
#include "eval/scorers/published.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using ::testing::ElementsAre;

Prompt MakePrompt(const std::string& task, const std::vector<std::string>& golds, int first_number = 1) {
  Prompt prompt;
  prompt.task = task;
  prompt.sample = task + "/000";
  for (const std::string& gold : golds) {
    PromptQuestion& question = prompt.questions.emplace_back();
    question.number = first_number++;
    question.gold = gold;
    question.answer = task == "gsm8k+" ? "work\n#### " + gold : gold;
  }
  return prompt;
}

std::vector<std::string_view> Verdicts(const SampleScore& score) {
  std::vector<std::string_view> names;
  for (const QuestionScore& question : score.questions) names.push_back(Name(question.verdict));
  return names;
}

TEST(CleanScorer, PairsByNumberNotByOrder) {
  const Prompt prompt = MakePrompt("gsm8k+", {"1", "2", "3"}, 9);
  const SampleScore score = ScoreClean(
      prompt, "Answer_11: The answer is 3.\nAnswer_9: The answer is 1.\nAnswer_10: The answer is 2.");
  EXPECT_THAT(Verdicts(score), ElementsAre("correct", "correct", "correct"));
  EXPECT_EQ(score.Fraction(), 1.0);
}

TEST(CleanScorer, TellsWrongUnparsableAndMissingApart) {
  const Prompt prompt = MakePrompt("gsm8k+", {"1", "2", "3", "4"});
  const SampleScore score = ScoreClean(
      prompt, "Answer_1: The answer is 5.\nAnswer_2: The answer is unclear.\nAnswer_4: The answer is $4.00.");
  EXPECT_THAT(Verdicts(score), ElementsAre("wrong", "unparsable", "missing", "correct"));
  EXPECT_EQ(score.questions[0].answer, "5");
  EXPECT_EQ(score.questions[2].answer, "");
  EXPECT_FALSE(score.Overran());
}

TEST(CleanScorer, ComparesNumbersByValue) {
  const Prompt prompt = MakePrompt("gsm8k+", {"18", "1000", "-5", "50", "0.5"});
  const SampleScore score = ScoreClean(prompt,
                                       "Answer_1: the answer is 18.0. Answer_2: The answer is $1,000. "
                                       "Answer_3: Answer is: **-5**. Answer_4: the answer is 50%. "
                                       "Answer_5: the answer is .50");
  EXPECT_EQ(score.Count(Verdict::kCorrect), 5);
}

TEST(CleanScorer, TheFirstReadableAnswerOfTheFirstHeaderCounts) {
  const Prompt prompt = MakePrompt("gsm8k+", {"1", "2"});
  const SampleScore score = ScoreClean(
      prompt,
      "Answer_1: the answer is near. So the answer is 1. Or the answer is 7.\nAnswer_1: the answer is 9.\n"
      "Answer_2: the answer is 2.");
  EXPECT_THAT(Verdicts(score), ElementsAre("correct", "correct"));
  EXPECT_EQ(score.extra_answers, 1);
  EXPECT_TRUE(score.Overran());
}

TEST(CleanScorer, AnAnswerIsNotTakenFromTheNextQuestion) {
  const SampleScore score =
      ScoreClean(MakePrompt("gsm8k+", {"2", "2"}), "Answer_1: I pass.\nAnswer_2: The answer is 2.");
  EXPECT_THAT(Verdicts(score), ElementsAre("unparsable", "correct"));
}

TEST(CleanScorer, SeesTextPastTheLastQuestion) {
  const Prompt prompt = MakePrompt("gsm8k+", {"1", "2"});
  const std::string good = "Answer_1: The answer is 1.\nAnswer_2: The answer is 2. Done.\n";
  EXPECT_FALSE(ScoreClean(prompt, good + " \n").Overran());
  EXPECT_EQ(ScoreClean(prompt, good + "\nmore\n").trailing_bytes, 4u);
  EXPECT_EQ(ScoreClean(prompt, good + "Answer_3: The answer is 3.").extra_answers, 1);
}

TEST(CleanScorer, ReadsLettersAndNotArticles) {
  const Prompt prompt = MakePrompt("mmlu+", {"A", "B", "C", "D", "A", "B"});
  const SampleScore score = ScoreClean(prompt,
                                       "Answer_1: The answer is (A) bank.\nAnswer_2: The answer is B.\n"
                                       "Answer_3: The answer is (c).\nAnswer_4: The answer is **D**\n"
                                       "Answer_5: The answer is A bank.\nAnswer_6: The answer is Bank.");
  EXPECT_THAT(Verdicts(score),
              ElementsAre("correct", "correct", "correct", "correct", "unparsable", "unparsable"));
}

TEST(CleanScorer, EmptyTextsAndPromptsScoreNothing) {
  EXPECT_THAT(Verdicts(ScoreClean(MakePrompt("gsm8k+", {"1"}), "")), ElementsAre("missing"));
  EXPECT_EQ(ScoreClean(Prompt(), "Answer_1: the answer is 1").Fraction(), 0);
}

TEST(CleanScorer, HostileTextTakesLinearTime) {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += "Answer_1:((((answer is ";
  const SampleScore score = ScoreClean(MakePrompt("gsm8k+", {"1"}), text);
  EXPECT_THAT(Verdicts(score), ElementsAre("unparsable"));
  EXPECT_EQ(score.extra_answers, 99'999);
}

Prompt ArithPrompt() {
  Prompt prompt = MakePrompt("arith+", {"47", "44", "12", "20"});
  prompt.questions[0].kind = prompt.questions[2].kind = prompt.questions[3].kind = "direct";
  prompt.questions[0].question = "42 + 5?";
  prompt.questions[1].kind = "chained_near";
  prompt.questions[1].question = "A1 - 3?";
  prompt.questions[1].refers = 1;
  prompt.questions[1].value = 47;
  prompt.questions[2].question = "10 + 2?";
  prompt.questions[3].question = "19 + 1?";
  return prompt;
}

TEST(CleanScorer, SaysWhatWentWrongInArith) {
  const SampleScore right = ScoreClean(ArithPrompt(),
                                       "Answer_1: 42 + 5 = 47. The answer is 47.A1 47\n"
                                       "Answer_2:A1 47 - 3 = 44. The answer is 44.A2 44\n"
                                       "Answer_3: 10 + 2 = 12. The answer is 12.A3 12\n"
                                       "Answer_4: 19 + 1 = 20. The answer is 20.A4 20\n");
  EXPECT_EQ(right.Count(Verdict::kCorrect), 4);
  EXPECT_FALSE(right.Overran());
  const SampleScore wrong = ScoreClean(ArithPrompt(),
                                       "Answer_1: 42 + 5 = 46. The answer is 46.A1 46\n"
                                       "Answer_2:A1 46 - 3 = 43. The answer is 43.A2 43\n"
                                       "Answer_3: 10 - 2 = 8. The answer is 8.A3 8\n");
  std::vector<std::string> errors;
  for (const QuestionScore& question : wrong.questions) errors.push_back(question.error);
  EXPECT_THAT(errors, ElementsAre("arithmetic", "lookup", "lookup", "format"));
  const RunScore run = Summarize(kCleanScorer, {right, wrong});
  EXPECT_EQ(run.score_percent, 50);
  EXPECT_EQ(run.questions_by_kind.at("direct"), 6);
  EXPECT_EQ(run.correct_by_kind.at("chained_near"), 1);
  EXPECT_EQ(run.errors.at("lookup"), 2);
}

TEST(PublishedScorer, PairsByOrderOfAppearance) {
  const Prompt prompt = MakePrompt("gsm8k+", {"1", "2", "3"});
  const SampleScore score = ScorePublished(
      prompt, "Answer_1: The answer is 1. Answer_3: The answer is 3. Answer_9: the answer is 3.");
  EXPECT_THAT(Verdicts(score), ElementsAre("correct", "wrong", "correct"));
  const SampleScore one = ScorePublished(prompt, "Answer_2: The answer is 2.");
  EXPECT_THAT(Verdicts(one), ElementsAre("wrong", "missing", "missing"));
}

TEST(PublishedScorer, KeepsTheQuirksOfItsGolds) {
  const SampleScore score = ScorePublished(MakePrompt("gsm8k+", {"1,000", "-5"}),
                                           "Answer_1: The answer is 1000. Answer_2: The answer is 5.");
  EXPECT_THAT(Verdicts(score), ElementsAre("wrong", "wrong"));
  EXPECT_EQ(score.questions[0].gold, "1");
  EXPECT_EQ(score.questions[1].gold, "");
}

TEST(PublishedScorer, ComparesLettersAsWritten) {
  const SampleScore score = ScorePublished(MakePrompt("csqa+", {"A", "B", "C"}),
                                           "Answer_1:\nThe answer is (A).\nAnswer_2: The answer is (B) b.\n"
                                           "Answer_3: The answer is (c).");
  EXPECT_THAT(Verdicts(score), ElementsAre("correct", "correct", "wrong"));
}

TEST(RunScore, IsTheMeanOverSamplesInPercent) {
  const Prompt two = MakePrompt("gsm8k+", {"1", "2"}), three = MakePrompt("gsm8k+", {"1", "2", "3"});
  const RunScore run = Summarize(kCleanScorer, {ScoreClean(two, "Answer_1: the answer is 1"),
                                                ScoreClean(three, "Answer_1: the answer is 1")});
  EXPECT_EQ(RoundedPercent(run.score_percent), 41.6667);
  EXPECT_EQ(run.Answered() + run.unparsable + run.missing, run.questions);
  EXPECT_EQ(ToJson(run).at("score_percent").dump(), "41.6667");
  EXPECT_EQ(Summarize(kCleanScorer, {}).score_percent, 0);
}

}  // namespace
}  // namespace kvscope
