#include "eval/report/slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "datasets/arith/arith.h"
#include "eval/testing/example_runs.h"

namespace kvscope {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> Names(const std::vector<Slice>& slices) {
  std::vector<std::string> names;
  for (const Slice& slice : slices) names.push_back(slice.name);
  return names;
}

// One sample of `questions` direct questions; the verdict of each says whether `right` holds of its index.
JudgedRun RunOf(int questions, bool (*right)(int index)) {
  JudgedRun run;
  JudgedSample& sample = run.samples.emplace_back();
  for (int i = 0; i < questions; ++i) {
    sample.prompt.questions.push_back({.number = i + 1, .kind = "direct"});
    sample.clean.questions.push_back(
        {.number = i + 1, .verdict = right(i) ? Verdict::kCorrect : Verdict::kWrong});
  }
  return run;
}

TEST(Slices, EveryQuestionStandsInThePartThatNamesIt) {
  for (const int questions : {1, 2, 7, 8, 9, 24, 30, 99}) {
    int next = 1;
    const auto slices = SliceByIndex(RunOf(questions, [](int) { return true; }), "clean", questions);
    for (const Slice& slice : slices) {
      const int first = std::stoi(slice.name);
      const size_t dash = slice.name.find('-');
      const int last = dash == std::string::npos ? first : std::stoi(slice.name.substr(dash + 1));
      EXPECT_EQ(first, next) << questions;
      EXPECT_EQ(slice.questions, last - first + 1) << questions << ": " << slice.name;
      EXPECT_EQ(slice.accuracy->mean, 100);
      next = last + 1;
    }
    EXPECT_EQ(next, questions + 1);
    EXPECT_LE(slices.size(), static_cast<size_t>(kIndexSlices));
  }
}

TEST(Slices, SaysWhereAnOutputBreaks) {
  const auto slices = SliceByIndex(RunOf(16, [](int index) { return index < 9; }), "clean", 16);
  EXPECT_THAT(Names(slices), ElementsAre("1-2", "3-4", "5-6", "7-8", "9-10", "11-12", "13-14", "15-16"));
  EXPECT_EQ(slices[3].accuracy->mean, 100);
  EXPECT_EQ(slices[4].accuracy->mean, 50);
  EXPECT_EQ(slices[5].accuracy->mean, 0);
}

TEST(Slices, KindsAreMeansOverPrompts) {
  const auto slices = SliceByKind(ExampleRun("full", 1, 0), "clean");
  EXPECT_THAT(Names(slices), ElementsAre("direct", "chained near", "chained far"));
  EXPECT_EQ(slices[0].accuracy->mean, 100);
  EXPECT_EQ(slices[1].questions, 2);
  EXPECT_EQ(slices[1].correct, 1);
  EXPECT_EQ(slices[1].accuracy->mean, 50);
  EXPECT_FALSE(slices[2].accuracy.has_value());
}

TEST(Slices, DistancesOfGeneratedPromptsAreThoseOfTheirReferences) {
  const auto prompts = GenerateArith({.questions = 99, .prompts = 4, .chained_share = 1});
  ASSERT_TRUE(prompts.ok()) << prompts.status();
  JudgedRun run;
  for (const Prompt& prompt : *prompts) {
    JudgedSample& sample = run.samples.emplace_back();
    sample.prompt = prompt;
    for (const PromptQuestion& question : prompt.questions) {
      const int distance = question.number - question.refers.value_or(question.number);
      const bool right = distance >= 8 && distance <= 15;
      sample.clean.questions.push_back({.verdict = right ? Verdict::kCorrect : Verdict::kWrong});
    }
  }
  const auto slices = SliceByDistance(run, "clean");
  EXPECT_THAT(Names(slices), ElementsAre("1", "2", "3", "4-7", "8-15", "16-31", "32-63", "64-127"));
  int asked = 0;
  for (const Slice& slice : slices) {
    asked += slice.questions;
    EXPECT_GT(slice.questions, 0) << slice.name;
    EXPECT_EQ(slice.correct, slice.name == "8-15" ? slice.questions : 0) << slice.name;
  }
  EXPECT_EQ(asked, 4 * 98) << "the first question of a prompt refers to none";
}

TEST(Slices, OtherTasksHaveNoKindsOrDistances) {
  JudgedRun run = RunOf(3, [](int) { return true; });
  for (PromptQuestion& question : run.samples[0].prompt.questions) question.kind.clear();
  for (const Slice& slice : SliceByKind(run, "clean")) EXPECT_EQ(slice.questions, 0);
  for (const Slice& slice : SliceByDistance(run, "clean")) EXPECT_EQ(slice.questions, 0);
}

}  // namespace
}  // namespace kvscope
