#include "eval/import/import_scope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>

#include "eval/import/scope_path.h"
#include "eval/import/scope_records.h"
#include "eval/score/score_folder.h"
#include "eval/testing/published_results.h"
#include "eval/testing/run_program.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kCell = "H2O+slide_decoding_window_512_recent_window_256/llama_2048";

TEST(ScopePath, IsReadInOurNames) {
  const auto cell = ParseScopePath(fmt::format("/x/{}/mmlu/H2O.json", kCell));
  ASSERT_TRUE(cell.ok()) << cell.status();
  EXPECT_EQ(cell->prefill, "h2o");
  EXPECT_EQ(cell->decode, "slide");
  EXPECT_EQ(cell->window, 512);
  EXPECT_EQ(cell->recent, 256);
  EXPECT_EQ(cell->model, "llama");
  EXPECT_EQ(cell->prefill_budget, 2048);
  EXPECT_EQ(cell->task, "mmlu+");
}

TEST(ScopePath, NamesThePartThatIsWrong) {
  const std::pair<std::string, const char*> cases[] = {
      {"H2O.json", "METHOD/MODEL_BUDGET"},
      {"x/m_1/gsm8k/H2O.json", "'x'"},
      {"H2O+odd_decoding_window_1_recent_window_1/m_1/gsm8k/H2O.json", "'odd'"},
      {"H2O+h2o_decoding_window_x_recent_window_1/m_1/gsm8k/H2O.json", "'x'"},
      {"H2O+h2o_decoding_window_1_recent_window_1/m/gsm8k/H2O.json", "'m'"},
      {fmt::format("{}/gsm9k/H2O.json", kCell), "'gsm9k'"},
      {fmt::format("{}/gsm8k/ALLKV.json", kCell), "expected H2O"}};
  for (const auto& [path, message] : cases)
    EXPECT_THAT(std::string(ParseScopePath(path).status().message()), HasSubstr(message)) << path;
}

// A record of GSM8K+ at 4K, as published.
nlohmann::json SomeRecord() {
  std::string prompt = "<<SYS>>\n Be brief. \n<</SYS>>\n\nExamples: \nQuestion_1: \nExample?\n\n";
  nlohmann::json questions, answers;
  std::string pred;
  for (int number = 9; number < 39; ++number) {
    questions.push_back(fmt::format("What is {} squared?", number));
    answers.push_back(fmt::format("work\n#### {}", number * number));
    prompt += fmt::format("Question_{}:\nWhat is {} squared?\n", number, number);
    pred += fmt::format("Answer_{}:\nThe answer is {}.\n", number, number * number);
  }
  return {{"prompt", prompt}, {"questions", questions}, {"answers", answers}, {"pred", pred}};
}

std::string WritePredictions(const TemporaryFolder& folder, const nlohmann::json& record) {
  const std::string task = folder / (std::string("in/") + kCell + "/gsm8k");
  std::filesystem::create_directories(task);
  EXPECT_TRUE(WriteFileAtomically(task + "/H2O.json", DumpJson(record) + "\n").ok());
  return task + "/H2O.json";
}

TEST(ScopeRecords, BecomePromptsWithSpansAndGolds) {
  const TemporaryFolder folder;
  const auto read = ReadScopePredictions(WritePredictions(folder, SomeRecord()), "gsm8k+");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->length, "4k");
  ASSERT_THAT(read->predictions, SizeIs(1));
  const Prompt& prompt = read->predictions[0].prompt;
  EXPECT_EQ(prompt.sample, "gsm8k+/30/000");
  EXPECT_EQ(prompt.system, "Be brief.");
  EXPECT_EQ(prompt.questions.front().number, 9);
  EXPECT_EQ(prompt.questions.front().gold, "81");
  const PromptQuestion& last = prompt.questions.back();
  EXPECT_EQ(prompt.text.substr(last.begin, last.end - last.begin), "Question_38:\nWhat is 38 squared?");
}

TEST(ScopeRecords, ContradictionsAreNamed) {
  const TemporaryFolder folder;
  struct Case {
    const char* pointer;
    nlohmann::json value;
    const char* message;
  };
  const Case cases[] = {{"/pred", 5, "field 'pred'"},
                        {"/answers/3", "C", "[3] to be one of gsm8k+"},
                        {"/questions/2", "What else?", "[2] to be the prompt's question 11"},
                        {"/prompt", "Question_1: x", "field 'prompt'"},
                        {"/answers", nlohmann::json::array({"#### 1"}), "field 'answers'"},
                        {"/questions", "['x']", "field 'questions'"}};
  for (const Case& c : cases) {
    nlohmann::json record = SomeRecord();
    record[nlohmann::json::json_pointer(c.pointer)] = c.value;
    const auto read = ReadScopePredictions(WritePredictions(folder, record), "gsm8k+");
    EXPECT_EQ(read.status().code(), absl::StatusCode::kDataLoss) << c.pointer;
    EXPECT_THAT(std::string(read.status().message()), HasSubstr(c.message));
  }
  const auto other_task = ReadScopePredictions(WritePredictions(folder, SomeRecord()), "csqa+");
  EXPECT_EQ(other_task.status().code(), absl::StatusCode::kDataLoss);
}

TEST(ImportCommand, MakesARunThatScoresAndMayBeImportedAgain) {
  const TemporaryFolder folder;
  WritePredictions(folder, SomeRecord());
  for (int again = 0; again < 2; ++again) {
    const ProgramResult result =
        RunKvscope({"import", "scope", folder / "in", "--out", folder / "out", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(nlohmann::json::parse(result.out), SizeIs(1));
  }
  const JudgedRun run = *JudgeRun(folder / "out/gsm8k+_4k_h2o+slide_C2048_W512_R256");
  EXPECT_EQ(run.run.status, RunStatus::kComplete);
  EXPECT_EQ(run.run.config.method, "h2o+slide");
  EXPECT_EQ(run.run.config.window, 512);
  EXPECT_EQ(run.Score("published").score_percent, 100);
  EXPECT_EQ(run.Score("clean").score_percent, 100);
  EXPECT_THAT(run.samples[0].record.answers, SizeIs(30));
}

TEST(ImportCommand, OtherPredictionsDoNotOverwriteARun) {
  const TemporaryFolder folder;
  nlohmann::json record = SomeRecord();
  WritePredictions(folder, record);
  ASSERT_EQ(RunKvscope({"import", "scope", folder / "in", "--out", folder / "out"}).exit_code, 0);
  record["pred"] = "other";
  WritePredictions(folder, record);
  EXPECT_EQ(RunKvscope({"import", "scope", folder / "in", "--out", folder / "out"}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"import", "scope", folder / "none", "--out", folder / "out"}).exit_code, 5);
  EXPECT_EQ(RunKvscope({"import", "scope", folder / "in"}).exit_code, 2);
}

// Figures computed from the same files by the published scorer's own expressions in Python 3.11.
TEST(ImportScope, ThePublishedFilesGiveThePublishedFigures) {
  const std::string results = PublishedResults4k();
  if (results.empty()) GTEST_SKIP() << "KVSCOPE_MIRROR is not a file:// mirror of the published predictions";
  const std::map<std::string, double> expected = {{"csqa+ full", 71.6667},
                                                  {"gsm8k+ full", 53.2558},
                                                  {"mmlu+ full", 54.4025},
                                                  {"csqa+ h2o+h2o", 65.25},
                                                  {"gsm8k+ h2o+h2o", 26.5891},
                                                  {"mmlu+ h2o+h2o", 45.9748},
                                                  {"csqa+ h2o+slide", 73.5},
                                                  {"gsm8k+ h2o+slide", 42.5581},
                                                  {"mmlu+ h2o+slide", 50.9434},
                                                  {"csqa+ streamingllm+slm", 41.4167},
                                                  {"gsm8k+ streamingllm+slm", 11.938},
                                                  {"mmlu+ streamingllm+slm", 35.9748}};
  const TemporaryFolder folder;
  ASSERT_EQ(RunKvscope({"import", "scope", results, "--out", folder.path()}).exit_code, 0);
  const ProgramResult score = RunKvscope({"score", folder.path(), "--scorer", "published", "--json"});
  ASSERT_EQ(score.exit_code, 0) << score.err;
  std::map<std::string, double> found;
  for (const auto& run : nlohmann::json::parse(score.out))
    found[run.at("task").get<std::string>() + " " + run.at("method").get<std::string>()] =
        run.at("score_percent").get<double>();
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace kvscope
