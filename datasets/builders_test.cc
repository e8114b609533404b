#include "datasets/builders.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "fmt/format.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using nlohmann::json;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

BuildRequest Request(const std::string& task, int questions, const std::string& variant) {
  BuildRequest request;
  request.task = task;
  request.questions = questions;
  request.variant = variant;
  return request;
}

// Tests of the real data: from the mirror into a cache of this process.
class BuildersDataTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* mirror = std::getenv("KVSCOPE_MIRROR");
    if (mirror == nullptr) return;
    FetchOptions options;
    options.mirror = mirror;
    options.cache_folder = testing::TempDir() + "kvscope_builders_test_" + std::to_string(::getpid());
    fetcher_ = std::make_unique<Fetcher>(options);
  }
  static void TearDownTestSuite() {
    if (fetcher_ != nullptr) std::filesystem::remove_all(fetcher_->options().cache_folder);
    fetcher_.reset();
  }
  void SetUp() override {
    if (fetcher_ == nullptr) GTEST_SKIP() << "KVSCOPE_MIRROR is not set";
  }

  static PromptSet Build(const std::string& task, int questions, const std::string& variant) {
    auto set = BuildPrompts(Request(task, questions, variant), *fetcher_);
    EXPECT_TRUE(set.ok()) << set.status();
    return set.ok() ? *std::move(set) : PromptSet();
  }

  static std::unique_ptr<Fetcher> fetcher_;
};
std::unique_ptr<Fetcher> BuildersDataTest::fetcher_;

TEST_F(BuildersDataTest, PublishedFilesAreRebuiltExactly) {
  for (const TaskInfo& task : Tasks()) {
    if (!task.has_published) continue;
    for (const int questions : {task.questions_4k, task.questions_8k}) {
      const auto difference =
          CheckAgainstPublished(Request(std::string(task.name), questions, "published"), *fetcher_);
      ASSERT_TRUE(difference.ok()) << difference.status();
      EXPECT_EQ(*difference, "");
    }
  }
}

// The published predictions hold the text that the model was given, instruction included.
TEST_F(BuildersDataTest, PublishedRunsSawOurPrompts) {
  json sources;
  for (const char* task : {"gsm8k", "mmlu", "csqa"}) {
    const auto path = FetchSource(*fetcher_, "scope-results-4k",
                                  fmt::format("ALLKV+None_decoding_window_512_recent_window_256/"
                                              "meta-llama-3.1-8b-instruct_2048/{}/ALLKV.json",
                                              task),
                                  sources);
    ASSERT_TRUE(path.ok()) << path.status();
    const auto runs = ReadJsonLines(*path);
    ASSERT_TRUE(runs.ok()) << runs.status();
    const PromptSet set =
        Build(fmt::format("{}+", task), std::string_view(task) == "csqa" ? 40 : 30, "published");
    ASSERT_EQ(set.prompts.size(), runs->size()) << task;
    for (size_t i = 0; i < runs->size(); ++i) {
      const Prompt& prompt = set.prompts[i];
      ASSERT_TRUE(runs->at(i)["prompt"] ==
                  fmt::format("<<SYS>>\n {} \n<</SYS>>\n\n{}", prompt.system, prompt.text))
          << prompt.sample;
    }
  }
}

TEST_F(BuildersDataTest, SpansHoldTheQuestions) {
  for (const char* variant : {"clean", "published"}) {
    for (const TaskInfo& task : Tasks()) {
      if (!task.has_published) continue;
      for (const Prompt& prompt : Build(std::string(task.name), 20, variant).prompts) {
        size_t end = 0;
        for (const PromptQuestion& question : prompt.questions) {
          ASSERT_GE(question.begin, end);
          end = question.end;
          ASSERT_EQ(prompt.text.substr(question.begin, question.end - question.begin),
                    fmt::format("Question_{}:\n{}", question.number, question.question));
        }
        ASSERT_LT(end, prompt.text.size());
      }
    }
  }
}

TEST_F(BuildersDataTest, Gsm8kGoldsAreCanonical) {
  const PromptSet set = Build("gsm8k+", 30, "clean");
  ASSERT_EQ(set.prompts.size(), 43u);
  EXPECT_EQ(set.prompts[0].sample, "gsm8k+/30/000");
  EXPECT_EQ(set.prompts[0].questions[0].number, 9);
  EXPECT_EQ(set.prompts[0].questions[0].gold, "18");
  // By index in the test file: 146 is "#### 2,125", 489 "#### -10", 611 "#### 1,450,000".
  EXPECT_EQ(set.prompts[4].questions[26].gold, "2125");
  EXPECT_EQ(set.prompts[16].questions[9].gold, "-10");
  EXPECT_EQ(set.prompts[20].questions[11].gold, "1450000");
  EXPECT_EQ(set.manifest.defects, json({{"gold_cut_at_comma", 14}, {"gold_sign_lost", 2}}));
  EXPECT_EQ(set.manifest.questions_per_prompt, 30);
  EXPECT_EQ(set.manifest.sources.size(), 2u);
  EXPECT_EQ(set.manifest.data_sha256.size(), 64u);
}

TEST_F(BuildersDataTest, MmluCleanQuestionsMatchTheirKeys) {
  const PromptSet set = Build("mmlu+", 60, "clean");
  ASSERT_EQ(set.prompts.size(), 57u);
  for (const Prompt& prompt : set.prompts) {
    ASSERT_EQ(prompt.questions.size(), 60u) << prompt.sample;
    for (const PromptQuestion& question : prompt.questions) {
      ASSERT_EQ(question.gold, question.answer);
      for (const char* label : {"\n(A) ", " (B) ", " (C) ", " (D) "})
        ASSERT_THAT(question.question, HasSubstr(label)) << prompt.sample;
    }
  }
  // Rows 0 of nutrition and 29 of econometrics, by hand from the raw files: in the published set, pieces of
  // other questions stand there.
  const Prompt& nutrition = set.prompts[44];
  EXPECT_THAT(nutrition.system, EndsWith("about nutrition."));
  EXPECT_EQ(nutrition.questions[0].number, 6);
  EXPECT_EQ(nutrition.questions[0].question,
            "Which foods tend to be consumed in lower quantities in Wales and Scotland (as of 2020)?\n"
            "(A) Meat (B) Confectionary (C) Fruits and vegetables (D) Potatoes");
  EXPECT_EQ(nutrition.questions[0].gold, "C");
  const Prompt& econometrics = set.prompts[13];
  EXPECT_THAT(econometrics.questions[29].question,
              StartsWith("Which of the following statements is true concerning "
                         "the population regression function"));
  EXPECT_EQ(econometrics.questions[29].gold, "D");
  const Prompt& mathematics = set.prompts[8];
  EXPECT_THAT(mathematics.system, HasSubstr("about college mathematics."));
  EXPECT_THAT(mathematics.questions[8].question, HasSubstr("(A) None (B)"));
}

TEST_F(BuildersDataTest, MmluCleanExamplesAreWhole) {
  const PromptSet set = Build("mmlu+", 30, "clean");
  EXPECT_THAT(
      set.prompts[0].text,
      StartsWith(
          "Examples: \nQuestion_1:\nStatement 1 | Every element of a group generates a cyclic subgroup "
          "of the group. Statement 2 | The symmetric group S_10 has 10 elements.\n"
          "(A) True, True (B) False, False (C) True, False (D) False, True\n\nQuestion_2:\n"));
  for (const Prompt& prompt : set.prompts) {
    const int first = prompt.questions[0].number;
    EXPECT_THAT(prompt.text, HasSubstr(fmt::format("\nAnswer_{}:\n", first - 1))) << prompt.sample;
    EXPECT_EQ(prompt.text.find(fmt::format("\nAnswer_{}:\n", first)), std::string::npos) << prompt.sample;
  }
  EXPECT_EQ(set.prompts[6].questions[0].number, 5) << "college_chemistry has four examples";
}

TEST_F(BuildersDataTest, MmluDefectsAreCounted) {
  const json at_30 = {{"examples_last_option_missing", 57 * 5 - 3},
                      {"option_read_as_missing", 3},
                      {"options_without_space", 57 * 30},
                      {"prompts_example_number_skipped", 3},
                      {"prompts_not_run", 4},
                      {"prompts_subject_not_named", 57},
                      {"question_not_of_its_key", 100}};
  EXPECT_EQ(Build("mmlu+", 30, "clean").manifest.defects, at_30);
  const json at_60 = Build("mmlu+", 60, "clean").manifest.defects;
  EXPECT_EQ(at_60["option_read_as_missing"], 4);
  EXPECT_EQ(at_60["question_not_of_its_key"], 220);
  const PromptSet published = Build("mmlu+", 30, "published");
  EXPECT_EQ(published.prompts.size(), 53u);
  EXPECT_EQ(published.prompts[21].sample, "mmlu+/30/022");
  EXPECT_EQ(published.manifest.defects["prompts_not_run"], 4);
  EXPECT_EQ(published.manifest.defects["question_not_of_its_key"], 100);
}

TEST_F(BuildersDataTest, CsqaKeepsAllQuestionsWhereThePublishedSetStops) {
  EXPECT_EQ(Build("csqa+", 40, "clean").prompts.size(), 30u);
  EXPECT_EQ(Build("csqa+", 33, "clean").prompts.size(), 37u);  // 1221 = 37 x 33
  EXPECT_EQ(Build("csqa+", 33, "published").prompts.size(), 36u);
  const PromptSet set = Build("csqa+", 40, "clean");
  EXPECT_EQ(set.prompts[0].questions[0].gold, "A");
  EXPECT_EQ(set.prompts[0].questions[0].number, 6);
  EXPECT_EQ(set.manifest.defects, json({{"equal_options_kept", 24}}));
}

TEST_F(BuildersDataTest, ATokenBudgetIsFilledAndKept) {
  const auto count_words = [](std::string_view text) {
    return static_cast<size_t>(std::count(text.begin(), text.end(), ' '));
  };
  for (const char* task : {"gsm8k+", "csqa+", "mmlu+"}) {
    BuildRequest request = Request(task, 0, "clean");
    request.length = "2k";
    request.count_tokens = count_words;
    const auto set = BuildPrompts(request, *fetcher_);
    ASSERT_TRUE(set.ok()) << set.status();
    ASSERT_GT(set->prompts.size(), 2u);
    EXPECT_THAT(set->prompts[0].sample, HasSubstr("/2048t/000"));
    for (const Prompt& prompt : set->prompts) {
      ASSERT_FALSE(prompt.questions.empty());
      ASSERT_LE(count_words(prompt.system + "\n\n" + prompt.text), 2048u);
    }
    EXPECT_GT(count_words(set->prompts[1].text), 1400u);
  }
  // The examples of high_school_us_history are longer than that.
  BuildRequest mmlu = Request("mmlu+", 0, "clean");
  mmlu.length = "1k";
  mmlu.count_tokens = count_words;
  const auto set = BuildPrompts(mmlu, *fetcher_);
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->manifest.defects["subjects_left_out"], 57 - static_cast<int>(set->prompts.size()));
  EXPECT_LT(set->prompts.size(), 57u);
  BuildRequest tight = Request("gsm8k+", 0, "clean");
  tight.tokens = 10;
  tight.count_tokens = count_words;
  EXPECT_THAT(std::string(BuildPrompts(tight, *fetcher_).status().message()),
              HasSubstr("no room for question 0"));
}

TEST_F(BuildersDataTest, ALimitTakesTheFirstPrompts) {
  BuildRequest request = Request("gsm8k+", 30, "clean");
  request.limit = 2;
  const auto set = BuildPrompts(request, *fetcher_);
  ASSERT_TRUE(set.ok()) << set.status();
  ASSERT_EQ(set->prompts.size(), 2u);
  EXPECT_EQ(set->prompts[1].Hash(), Build("gsm8k+", 30, "clean").prompts[1].Hash());
  EXPECT_EQ(BuildPrompts(Request("gsm8k+", 5000, "clean"), *fetcher_).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// What needs no data.
class BuildersTest : public testing::Test {
 protected:
  static void ExpectError(const BuildRequest& request, absl::StatusCode code, const std::string& message) {
    const absl::Status status = BuildPrompts(request, Fetcher(FetchOptions())).status();
    EXPECT_EQ(status.code(), code);
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
};

TEST_F(BuildersTest, ArithNeedsNoData) {
  BuildRequest request = Request("arith+", 16, "clean");
  request.seed = 9;
  request.limit = 4;
  const auto set = BuildPrompts(request, Fetcher(FetchOptions()));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ(set->prompts.size(), 4u);
  EXPECT_EQ(set->manifest.seed, 9u);
  EXPECT_EQ(set->manifest.questions_per_prompt, 16);
  request.questions = 0;
  request.length = "8k";
  EXPECT_EQ(BuildPrompts(request, Fetcher(FetchOptions()))->prompts[0].questions.size(), 99u);
}

TEST_F(BuildersTest, WrongRequestsAreNamed) {
  constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
  ExpectError(Request("gsm9k+", 30, "clean"), kInvalid, "there are gsm8k+, mmlu+, csqa+, arith+");
  ExpectError(Request("gsm8k+", 30, "dirty"), kInvalid, "variant: expected clean or published, found dirty");
  ExpectError(Request("arith+", 30, "published"), kInvalid, "variant: expected clean");
  ExpectError(Request("arith+", 7, "clean"), kInvalid, "questions: expected 8 to 99, found 7");
  ExpectError(Request("gsm8k+", 0, "clean"), kInvalid, "size: expected one of length, questions and tokens");
  ExpectError(Request("gsm8k+", -1, "clean"), kInvalid, "questions: expected a positive number");
  BuildRequest request = Request("gsm8k+", 30, "clean");
  request.tokens = 100;
  ExpectError(request, kInvalid, "size: expected one of");
  request.questions = 0;
  ExpectError(request, kInvalid, "tokens: expected a tokenizer");
  request.tokens = 0;
  for (const char* length : {"16", "k", "16kk", "-4k", "0k", "99999999999999999999k", "9999k"}) {
    request.length = length;
    ExpectError(request, kInvalid, "length: expected 4k, 8k or");
  }
  request = Request("gsm8k+", 30, "clean");
  request.limit = -1;
  ExpectError(request, kInvalid, "limit: expected 0 or more");
}

}  // namespace
}  // namespace kvscope
