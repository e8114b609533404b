// fetch, build and tasks, on the built program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "eval/testing/run_program.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The program with an empty cache, and no network unless the test gives a mirror.
class DatasetsCliTest : public testing::Test {
 protected:
  void SetUp() override { ::setenv("KVSCOPE_CACHE", (folder_ / "cache").c_str(), 1); }
  void TearDown() override { ::unsetenv("KVSCOPE_CACHE"); }

  static const char* Mirror() { return std::getenv("KVSCOPE_MIRROR"); }

  const TemporaryFolder folder_;
};

TEST_F(DatasetsCliTest, TasksListsEachWithItsSizes) {
  const ProgramResult result = RunKvscope({"tasks", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json tasks = json::parse(result.out);
  ASSERT_EQ(tasks.size(), 4u);
  EXPECT_EQ(tasks[0]["name"], "gsm8k+");
  EXPECT_EQ(tasks[0]["questions_4k"], 30);
  EXPECT_EQ(tasks[2]["questions_8k"], 80);
  EXPECT_EQ(tasks[3]["variants"], json({"clean"}));
  EXPECT_THAT(RunKvscope({"tasks"}).out, HasSubstr("arith+"));
}

TEST_F(DatasetsCliTest, FetchListNamesTheCatalogAndItsState) {
  const ProgramResult result = RunKvscope({"fetch", "--list", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  bool found = false;
  for (const json& entry : json::parse(result.out)) {
    if (entry["name"] == "arith-tiny") {
      EXPECT_EQ(entry["state"], "embedded");
    }
    if (entry["name"] != "gsm8k-test") continue;
    found = true;
    EXPECT_EQ(entry["state"], "absent");
    EXPECT_EQ(entry["bytes"], 749738);
  }
  EXPECT_TRUE(found);
  EXPECT_THAT(RunKvscope({"fetch", "--list"}).out, HasSubstr("smollm2-135m"));
}

TEST_F(DatasetsCliTest, FetchBringsAnEntryFromTheMirror) {
  if (Mirror() == nullptr) GTEST_SKIP() << "KVSCOPE_MIRROR is not set";
  const std::string cache = folder_ / "other";
  const ProgramResult result =
      RunKvscope({"fetch", "gsm8k-test", "--cache", cache, "--mirror", Mirror(), "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "") << "no progress bar where there is no terminal";
  const json report = json::parse(result.out);
  EXPECT_EQ(report[0]["folder"], cache + "/data/gsm8k-test");
  EXPECT_EQ(report[0]["state"], "present");
  EXPECT_TRUE(std::filesystem::exists(cache + "/data/gsm8k-test/test.jsonl"));
}

TEST_F(DatasetsCliTest, FetchErrorsHaveTheirExitCodes) {
  const ProgramResult unknown = RunKvscope({"fetch", "no-such-entry"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.err, HasSubstr("gsm8k-test"));
  const ProgramResult absent =
      RunKvscope({"fetch", "gsm8k-test", "--mirror", "file://" + (folder_ / "none")});
  EXPECT_EQ(absent.exit_code, 5);
  EXPECT_THAT(absent.err, HasSubstr("no such file"));
  EXPECT_EQ(RunKvscope({"fetch", "gsm8k-test", "--mirror", "http://127.0.0.1:1"}).exit_code, 5);
  EXPECT_EQ(RunKvscope({"fetch", "llama-3.1-8b-instruct"}).exit_code, 5);
}

TEST_F(DatasetsCliTest, FetchExtractsTheEmbeddedModel) {
  const ProgramResult result = RunKvscope({"fetch", "arith-tiny", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string folder = json::parse(result.out)[0]["folder"];
  EXPECT_TRUE(std::filesystem::exists(folder + "/model.safetensors"));
}

TEST_F(DatasetsCliTest, BuildWritesPromptsAndManifest) {
  const std::string out = folder_ / "arith.jsonl";
  const std::vector<std::string> build = {"build", "--task",  "arith+", "--questions", "12", "--seed",
                                          "3",     "--limit", "2",      "--out",       out};
  const ProgramResult result = RunKvscope(build);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("2 prompts, 24 questions"));
  const auto lines = ReadJsonLines(out);
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ(lines->at(1)["sample"], "arith+/12/001");
  const auto manifest = ReadJsonFile(out + ".manifest.json");
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ((*manifest)["seed"], 3);
  EXPECT_EQ((*manifest)["questions_per_prompt"], 12);

  EXPECT_EQ(RunKvscope(build).exit_code, 0) << "the same again";
  std::vector<std::string> other = build;
  other[6] = "4";
  const ProgramResult refused = RunKvscope(other);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  other.push_back("--force");
  EXPECT_EQ(RunKvscope(other).exit_code, 0);
}

// The embedded model's tokenizer takes about a byte a token off its own grammar: the budgets are of bytes,
// nearly.
TEST_F(DatasetsCliTest, BuildFillsABudgetOfTokens) {
  if (Mirror() == nullptr) GTEST_SKIP() << "KVSCOPE_MIRROR is not set";
  const std::string out = folder_ / "tokens.jsonl";
  const ProgramResult result = RunKvscope({"build", "--task", "csqa+", "--tokens", "9000", "--tokenizer",
                                           "arith-tiny", "--limit", "1", "--out", out});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto lines = ReadJsonLines(out);
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_EQ(lines->at(0)["sample"], "csqa+/9000t/000");
  EXPECT_GT(lines->at(0)["text"].get<std::string>().size(), 8000u);
  EXPECT_EQ(RunKvscope({"build", "--task", "csqa+", "--length", "16k", "--out", out}).exit_code, 2)
      << "no tokenizer";
}

TEST_F(DatasetsCliTest, BuildErrorsHaveTheirExitCodes) {
  const std::string out = folder_ / "x.jsonl";
  EXPECT_EQ(RunKvscope({"build"}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"build", "--task", "arith+", "--questions", "12"}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"build", "--task", "nothing", "--length", "4k", "--out", out}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"build", "--task", "arith+", "--questions", "7", "--out", out}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"build", "--task", "arith+", "--questions", "x", "--out", out}).exit_code, 2);
  EXPECT_EQ(RunKvscope({"build", "--task", "arith+", "--length", "4k", "--check"}).exit_code, 2);
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(DatasetsCliTest, BuildChecksAgainstThePublishedFile) {
  if (Mirror() == nullptr) GTEST_SKIP() << "KVSCOPE_MIRROR is not set";
  const ProgramResult equal = RunKvscope({"build", "--task", "gsm8k+", "--length", "4k", "--check"});
  EXPECT_EQ(equal.exit_code, 0) << equal.err;
  EXPECT_THAT(equal.out, HasSubstr("equals the published file"));
  const std::string out = folder_ / "gsm8k.jsonl";
  const ProgramResult built = RunKvscope({"build", "--task", "gsm8k+", "--length", "8k", "--variant",
                                          "published", "--check", "--out", out, "--json"});
  EXPECT_EQ(built.exit_code, 0) << built.err;
  const json report = json::parse(built.out);
  EXPECT_EQ(report["check"]["equal"], true);
  EXPECT_EQ(report["manifest"]["variant"], "published");
  EXPECT_EQ(report["manifest"]["defects"]["gold_cut_at_comma"], 14);
  EXPECT_EQ(ReadJsonLines(out)->size(), 21u);
}

}  // namespace
}  // namespace kvscope
