#include "datasets/arith/arith.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "datasets/arith/random.h"
#include "datasets/manifest.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Output of the reference implementation (prng.di.unimi.it/splitmix64.c) for the state 1234567.
TEST(SplitMix64, MatchesTheReferenceImplementation) {
  SplitMix64 random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
}

TEST(SplitMix64, BetweenReachesBothEndsEvenly) {
  SplitMix64 random(1);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) ++counts[static_cast<size_t>(random.Between(-3, 3) + 3)];
  for (const int count : counts) EXPECT_NEAR(count, 10000, 400);  // 4 standard deviations are 370
  EXPECT_EQ(random.Between(5, 5), 5);
}

TEST(SplitMix64, ChanceOfZeroIsNeverAndOfOneAlways) {
  SplitMix64 random(2);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_FALSE(random.Chance(0.0));
    EXPECT_TRUE(random.Chance(1.0));
  }
}

std::string Answers(const Prompt& prompt) {
  std::string text;
  for (const PromptQuestion& question : prompt.questions) text += question.answer + "\n";
  return text;
}

TEST(Arith, TextIsTheGrammars) {
  const auto prompts = GenerateArith({.questions = 8, .prompts = 1, .fillers_per_line = 0.3, .seed = 7});
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  const Prompt& prompt = prompts->front();
  EXPECT_EQ(prompt.sample, "arith+/8/000");
  EXPECT_EQ(prompt.system, "");
  EXPECT_EQ(prompt.text,
            "Questions:\n"
            "Q1: 42 + 3? The bus was late.\n"
            "Q2: 50 - 8?\n"
            "Q3: 80 - 9?\n"
            "Q4: 24 - 6?\n"
            "Q5: A2 - 6?\n"
            "Q6: A5 + 5?\n"
            "Q7: A6 + 6?\n"
            "Q8: 87 - 7?\n"
            "Answers:\n");
  EXPECT_EQ(Answers(prompt),
            "Answer_1: 42 + 3 = 45. The answer is 45. A1 45\n"
            "Answer_2: 50 - 8 = 42. The answer is 42. A2 42\n"
            "Answer_3: 80 - 9 = 71. The answer is 71. A3 71\n"
            "Answer_4: 24 - 6 = 18. The answer is 18. A4 18\n"
            "Answer_5: A2 42 - 6 = 36. The answer is 36. A5 36\n"
            "Answer_6: A5 36 + 5 = 41. The answer is 41. A6 41\n"
            "Answer_7: A6 41 + 6 = 47. The answer is 47. A7 47\n"
            "Answer_8: 87 - 7 = 80. The answer is 80. A8 80\n");
}

TEST(Arith, ALineMayHaveSeveralFillers) {
  const auto prompts = GenerateArith({.questions = 99, .prompts = 20, .fillers_per_line = 2.25, .seed = 7});
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  std::map<int64_t, int> lines;  // by their number of fillers, each of which ends with a full stop
  for (const Prompt& prompt : *prompts) {
    for (const PromptQuestion& question : prompt.questions) {
      const auto begin = prompt.text.begin() + static_cast<std::ptrdiff_t>(question.begin);
      ++lines[std::count(begin, prompt.text.begin() + static_cast<std::ptrdiff_t>(question.end), '.')];
    }
  }
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[2] + lines[3], 20 * 99);
  EXPECT_NEAR(lines[3], 0.25 * 20 * 99, 80);  // 4 standard deviations are 77
}

// What must hold for every prompt, whatever was drawn.
TEST(Arith, InvariantsHoldOverAThousandPrompts) {
  const auto prompts = GenerateArith({.questions = 24, .prompts = 1000, .fillers_per_line = 0.5, .seed = 3});
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  std::set<std::string> texts;
  int chained = 0;
  int far = 0;
  for (const Prompt& prompt : *prompts) {
    texts.insert(prompt.text);
    ASSERT_EQ(prompt.questions.size(), 24u);
    std::string lines = "Questions:\n";
    for (size_t i = 0; i < prompt.questions.size(); ++i) {
      const PromptQuestion& question = prompt.questions[i];
      ASSERT_EQ(question.number, static_cast<int>(i) + 1);
      const int result = std::stoi(question.gold);
      ASSERT_GE(result, 0);
      ASSERT_LE(result, 99);
      ASSERT_EQ(question.gold, std::to_string(result));
      const std::string line = prompt.text.substr(question.begin, question.end - question.begin);
      ASSERT_THAT(line, StartsWith(fmt::format("Q{}:", question.number)));
      ASSERT_THAT(line, HasSubstr(question.question));
      lines += line;
      lines += '\n';
      if (question.kind == "direct") {
        ASSERT_FALSE(question.refers || question.value);
        continue;
      }
      ++chained;
      ASSERT_TRUE(question.refers && question.value);
      ASSERT_GE(*question.refers, 1);
      ASSERT_LT(*question.refers, question.number);
      ASSERT_EQ(std::to_string(*question.value),
                prompt.questions[static_cast<size_t>(*question.refers - 1)].gold);
      const int distance = question.number - *question.refers;
      ASSERT_TRUE(question.kind == "chained_far" || (question.kind == "chained_near" && distance <= 3));
      far += question.kind == "chained_far" ? 1 : 0;
    }
    ASSERT_EQ(prompt.text, lines + "Answers:\n") << "spans cover every question line, in order";
  }
  EXPECT_EQ(texts.size(), 1000u) << "two prompts are the same";
  EXPECT_NEAR(chained / 23000.0, 0.4, 0.02);
  EXPECT_NEAR(static_cast<double>(far) / chained, 0.5, 0.03);
}

TEST(Arith, APromptDependsOnSeedAndIndexAlone) {
  const auto few = *GenerateArith({.prompts = 3, .seed = 5});
  const auto many = *GenerateArith({.prompts = 6, .seed = 5});
  EXPECT_EQ(ToJson(few[2]), ToJson(many[2]));
  EXPECT_NE(DataSha256(few), DataSha256(*GenerateArith({.prompts = 3, .seed = 6})));
}

TEST(Arith, SharesOfZeroAndOne) {
  for (const PromptQuestion& question : GenerateArith({.chained_share = 0.0})->front().questions)
    EXPECT_EQ(question.kind, "direct");
  const Prompt chained = GenerateArith({.prompts = 1, .chained_share = 1.0, .far_share = 0.0})->front();
  EXPECT_EQ(chained.questions[0].kind, "direct") << "the first question has nothing to refer to";
  for (size_t i = 1; i < chained.questions.size(); ++i) EXPECT_EQ(chained.questions[i].kind, "chained_near");
}

TEST(Arith, OptionsOutsideTheirRangeAreNamed) {
  const auto expect_error = [](const ArithOptions& options, const std::string& message) {
    const absl::Status status = GenerateArith(options).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  };
  expect_error({.questions = 7}, "questions: expected 8 to 99, found 7");
  expect_error({.questions = 100}, "questions: expected 8 to 99, found 100");
  expect_error({.prompts = 0}, "prompts: expected at least 1, found 0");
  expect_error({.chained_share = 1.5}, "chained share: expected a share from 0 to 1, found 1.5");
  expect_error({.fillers_per_line = -1}, "fillers a line: expected 0 to 100, found -1");
  expect_error({.fillers_per_line = std::numeric_limits<double>::quiet_NaN()},
               "fillers a line: expected 0 to 100");
}

}  // namespace
}  // namespace kvscope
