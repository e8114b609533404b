#include "datasets/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/manifest.h"
#include "results/base/sha256.h"

namespace kvscope {
namespace {

using nlohmann::json;
using testing::HasSubstr;

PromptQuestion Question(int number, std::string text, std::string gold, size_t begin, size_t end) {
  PromptQuestion question;
  question.number = number;
  question.question = std::move(text);
  question.answer = gold;
  question.gold = std::move(gold);
  question.begin = begin;
  question.end = end;
  return question;
}

Prompt Example1() {
  Prompt prompt;
  prompt.sample = "arith+/8/000";
  prompt.task = "arith+";
  prompt.variant = "clean";
  prompt.system = "Do.";
  prompt.text = "Q1: 3 \u00d7 2?\nQ2:A1 - 3?\n";
  prompt.questions.push_back(Question(1, "3 \u00d7 2?", "6", 0, 11));
  PromptQuestion chained = Question(2, "A1 - 3?", "3", 12, 22);
  chained.kind = "chained_near";
  chained.refers = 1;
  chained.value = 6;
  prompt.questions.push_back(chained);
  return prompt;
}

TEST(Prompt, SurvivesJson) {
  const json written = ToJson(Example1());
  const auto read = PromptFromJson(json::parse(written.dump()), "p.jsonl:1");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(ToJson(*read), written);
  EXPECT_EQ(read->questions[1].refers, 1);
  EXPECT_EQ(read->questions[1].value, 6);
  EXPECT_EQ(read->questions[0].refers, std::nullopt);
  EXPECT_EQ(read->Hash(), Example1().Hash());
}

TEST(Prompt, HashSeparatesSystemAndText) {
  Prompt prompt;
  prompt.system = "a";
  prompt.text = "b";
  EXPECT_EQ(prompt.Hash(), Sha256Hex(std::string_view("a\0b", 3)));
  Prompt shifted;
  shifted.system = "ab";
  EXPECT_NE(prompt.Hash(), shifted.Hash());
}

TEST(Prompt, DataHashCoversGolds) {
  Prompt other = Example1();
  other.questions[1].gold += "4";
  EXPECT_NE(DataSha256({Example1()}), DataSha256({other}));
  EXPECT_EQ(DataSha256({Example1()}), DataSha256({Example1()}));
}

// Each case spoils one field; the message names it, and nothing throws.
TEST(Prompt, BadJsonIsNamedByField) {
  const json good = ToJson(Example1());
  const auto expect_error = [](const json& bad, const std::string& message) {
    const auto prompt = PromptFromJson(bad, "p.jsonl:7");
    EXPECT_EQ(prompt.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(prompt.status().message()), HasSubstr(message));
    EXPECT_THAT(std::string(prompt.status().message()), HasSubstr("p.jsonl:7"));
  };
  expect_error(json::array(), "expected an object, found []");
  expect_error(json(nullptr), "expected an object");
  json bad = good;
  bad.erase("text");
  expect_error(bad, "text: expected a string, found nothing");
  bad = good;
  bad["questions"] = 3;
  expect_error(bad, "questions: expected a list, found 3");
  bad = good;
  bad["questions"][1] = "x";
  expect_error(bad, "questions[1]: expected an object");
  bad = good;
  bad["questions"][1]["number"] = -1;
  expect_error(bad, "questions[1]: number: expected an integer from 0 to 2147483647, found -1");
  bad = good;
  bad["questions"][1]["number"] = 3000000000u;
  expect_error(bad, "found 3000000000");
  bad = good;
  bad["questions"][1]["value"] = "6";
  expect_error(bad, "value: expected an integer");
  bad = good;
  bad["questions"][1]["end"] = 10000;
  expect_error(bad, "end: expected at most the text's 23 bytes, found 10000");
  bad = good;
  bad["questions"][1]["begin"] = 23;
  expect_error(bad, "begin: expected at most end, 22, found 23");
}

}  // namespace
}  // namespace kvscope
