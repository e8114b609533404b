#include "eval/score/score_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "eval/score/explain.h"
#include "eval/score/prompt_file.h"
#include "eval/testing/run_program.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/seal.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

Prompt MakePrompt(const std::string& sample) {
  Prompt prompt;
  prompt.sample = sample;
  prompt.task = "gsm8k+";
  prompt.variant = "clean";
  prompt.text = "Question_9: q\nQuestion_10: r\n";
  for (const int number : {9, 10}) {
    PromptQuestion& question = prompt.questions.emplace_back();
    question.number = number;
    question.question = "how many?";
    question.gold = std::to_string(number);
    question.answer = "#### " + question.gold;
  }
  return prompt;
}

SampleRecord Record(const Prompt& prompt, const std::string& text) {
  SampleRecord record;
  record.sample = prompt.sample;
  record.prompt_sha256 = prompt.Hash();
  record.text = text;
  return record;
}

// Two samples: the first all right for the clean scorer, and half right for the published one.
std::string MakeRun(const std::string& folder) {
  const std::vector<Prompt> prompts = {MakePrompt("s/000"), MakePrompt("s/001")};
  RunRecord run;
  run.config.task = "gsm8k+";
  run.config.method = "full";
  auto store = *RunStore::Open(folder, run, {"s/000", "s/001"}, PromptFileContent(prompts));
  EXPECT_TRUE(
      store->Append(Record(prompts[0], "Answer_10: The answer is 10.\nAnswer_9: The answer is 9.0.")).ok());
  EXPECT_TRUE(store->Append(Record(prompts[1], "Answer_9: The answer is 9.\nAnswer_10: hm.")).ok());
  return folder;
}

TEST(ScoreFolder, ScoresByBothScorers) {
  const TemporaryFolder folder;
  const JudgedRun run = *JudgeRun(MakeRun(folder / "r"));
  EXPECT_THAT(run.problems, SizeIs(0));
  EXPECT_EQ(run.Score("clean").score_percent, 75);
  EXPECT_EQ(run.Score("published").score_percent, 25);
  ASSERT_TRUE(WriteScores(run).ok());
  const auto scores = *ReadJsonFile(folder / "r/scores.json");
  EXPECT_EQ(scores.at("scorers").at("clean").at("score_percent"), 75.0);
  EXPECT_EQ(scores.at("scorers").at("published").at("by_sample").at("s/001").at("correct"), 1);
  EXPECT_EQ(scores.at("scorers").at("clean").at("unparsable"), 1);
}

TEST(ScoreFolder, BadRecordsAreNamedAndTheGoodOnesScored) {
  const TemporaryFolder folder;
  const std::string run = MakeRun(folder / "r");
  std::ofstream(run + "/samples.jsonl", std::ios::app)
      << "{\"schema\": 1}\n"
      << SealedLine(ToJson(Record(MakePrompt("s/777"), ""))) << "\nnonsense\n";
  const ProgramResult result = RunKvscope({"score", run, "--json"});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("samples.jsonl:3: field 'sample'"));
  EXPECT_THAT(result.err, HasSubstr("samples.jsonl:5: "));
  EXPECT_THAT(result.err, HasSubstr("'s/777' has no prompt"));
  const auto report = nlohmann::json::parse(result.out);
  ASSERT_THAT(report, SizeIs(1));
  EXPECT_EQ(report[0].at("score_percent"), 75.0);
}

TEST(ScoreFolder, OtherPromptsThanTheRunsAreRefused) {
  const TemporaryFolder folder;
  const std::string run = MakeRun(folder / "r");
  std::ofstream(run + "/prompts.jsonl", std::ios::app) << "{}\n";
  const ProgramResult result = RunKvscope({"score", run});
  EXPECT_EQ(result.exit_code, 4);
  EXPECT_THAT(result.err, HasSubstr("prompts.jsonl: sha256: expected "));
}

// A run from before files had hashes.
TEST(ScoreFolder, AnAnswerToAnotherPromptIsNotScored) {
  const TemporaryFolder folder;
  const std::string run = MakeRun(folder / "r");
  std::string prompts = *ReadFile(run + "/prompts.jsonl");
  prompts.replace(prompts.find("Question_9: q"), 13, "Question_9: x");
  ASSERT_TRUE(WriteFileAtomically(run + "/prompts.jsonl", prompts).ok());
  nlohmann::json record = *ReadSealedFile(run + "/run.json");
  record["schema"] = 1;
  record.erase("files");
  ASSERT_TRUE(WriteFileAtomically(run + "/run.json", DumpJson(record)).ok());
  const JudgedRun judged = *JudgeRun(run);
  EXPECT_THAT(judged.samples, SizeIs(1));
  ASSERT_THAT(judged.problems, SizeIs(1));
  EXPECT_THAT(judged.problems[0], HasSubstr("prompt_sha256"));
}

TEST(ScoreFolder, FindsRunsBelowAFolderAndNamesAPathWithout) {
  const TemporaryFolder folder;
  MakeRun(folder / "b/r");
  MakeRun(folder / "a");
  const auto runs = FindRuns({folder.path(), (folder / "a") + "/"});
  ASSERT_TRUE(runs.ok());
  EXPECT_EQ(*runs, (std::vector<std::string>{folder / "a", folder / "b/r"}));
  EXPECT_EQ(FindRuns({folder / "nothing"}).status().code(), absl::StatusCode::kNotFound);
}

TEST(ScoreCommand, TakesAScorerAndExplains) {
  const TemporaryFolder folder;
  const std::string run = MakeRun(folder / "r");
  const ProgramResult published = RunKvscope({"score", run, "--scorer", "published", "--json"});
  EXPECT_EQ(published.exit_code, 0) << published.err;
  EXPECT_EQ(nlohmann::json::parse(published.out)[0].at("score_percent"), 25.0);
  const ProgramResult explained = RunKvscope({"score", run, "--explain", "s/000"});
  EXPECT_EQ(explained.exit_code, 0);
  EXPECT_THAT(explained.out, HasSubstr("clean: 2 of 2 right"));
  EXPECT_THAT(explained.out, HasSubstr("published: 0 of 2 right"));
  EXPECT_EQ(RunKvscope({"score", run, "--explain", "s/9"}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"score", run, "--scorer", "kind"}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"score", folder / "none"}).exit_code, 5);
}

}  // namespace
}  // namespace kvscope
