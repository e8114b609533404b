// `kvscope compare` on the built program: its exit codes, its files, and what it says of published
// predictions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "eval/testing/published_results.h"
#include "eval/testing/run_program.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class CompareTest : public testing::Test {
 protected:
  void Run(const std::string& name, const std::string& method, const std::string& window,
           const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"run",         "--model", "arith-tiny",   "--task", "arith+",
                                          "--questions", "8",       "--limit",      "3",      "--method",
                                          method,        "--out",   folder_ / name, "--quiet"};
    if (!window.empty()) arguments.insert(arguments.end(), {"--window", window, "--recent", "8"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = RunKvscope(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }

  ProgramResult Compare(const std::string& base, const std::string& candidate,
                        const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"compare", folder_ / base, folder_ / candidate};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return RunKvscope(arguments);
  }

  const TemporaryFolder folder_;
};

TEST_F(CompareTest, ARunAgainAgainstItselfPassesTheStrictestGateAndWritesItsFiles) {
  Run("base", "full+slide", "16");
  Run("again", "full+slide", "16");
  const std::string junit = folder_ / "junit.xml", markdown = folder_ / "summary.md";
  const ProgramResult result =
      Compare("base", "again", {"--gate", "identical", "--junit", junit, "--markdown", markdown, "--json"});
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  const json report = json::parse(result.out);
  EXPECT_EQ(report["gate"]["outcome"], "pass");
  EXPECT_EQ(report["cells"][0]["outputs_that_differ"], 0);
  EXPECT_EQ(report["cells"][0]["kv"]["difference_bytes"], 0);
  EXPECT_THAT(*ReadFile(junit), HasSubstr("failures=\"0\" errors=\"0\" skipped=\"0\""));
  EXPECT_THAT(*ReadFile(markdown), HasSubstr("gate `identical` **pass**"));
}

TEST_F(CompareTest, SweepsPairCellByCellAndAMissingCellExits4) {
  Run("base/a", "full+slide", "16");
  Run("base/b", "full+slide", "32");
  Run("candidate/x", "full+slide", "32");
  const ProgramResult partial = Compare("base", "candidate", {"--json"});
  EXPECT_EQ(partial.exit_code, 4) << partial.err;
  EXPECT_EQ(json::parse(partial.out)["cells"].size(), 1);
  EXPECT_THAT(partial.out, HasSubstr("the candidate has no run of window=16"));
  Run("candidate/y", "full+slide", "16");
  const ProgramResult whole = Compare("base", "candidate", {"--json"});
  EXPECT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_EQ(json::parse(whole.out)["cells"].size(), 2);
}

TEST_F(CompareTest, AChangedOutputFailsTheStrictestGate) {
  Run("base", "full", "");
  Run("candidate", "full+slide", "12");
  const ProgramResult result = Compare("base", "candidate", {"--gate", "identical"});
  EXPECT_EQ(result.exit_code, 1) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("gate identical: fail"));
}

TEST_F(CompareTest, AMarginThatThreePromptsCannotSettleExits3) {
  Run("base", "full", "");
  Run("candidate", "full+slide", "16");
  const std::string policy = folder_ / "policy.json";
  ASSERT_TRUE(
      WriteFileAtomically(
          policy, R"({"schema": 1, "name": "tight", "accuracy": {"margin_points": 0.01, "alpha": 0.0001}})")
          .ok());
  const ProgramResult result = Compare("base", "candidate", {"--gate", policy});
  EXPECT_EQ(result.exit_code, 3) << result.out << result.err;
}

TEST_F(CompareTest, WhatCannotBeComparedExits2AndWhatIsAbsent5) {
  Run("base", "full", "");
  Run("candidate", "full", "", {"--max-new-tokens", "40"});
  const ProgramResult refused = Compare("base", "candidate");
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("`--allow max_new_tokens` compares them all the same"));
  EXPECT_EQ(Compare("base", "candidate", {"--allow", "data,max_new_tokens"}).exit_code, 0);
  EXPECT_EQ(Compare("base", "candidate", {"--allow", "everything"}).exit_code, 2);
  EXPECT_EQ(Compare("base", "none").exit_code, 5);
  EXPECT_EQ(Compare("base", "base", {"--gate", folder_ / "none.json"}).exit_code, 5);
  EXPECT_EQ(Compare("base", "base", {"--junit", folder_ / "x.xml"}).exit_code, 2);
  ASSERT_TRUE(WriteFileAtomically(folder_ / "bad.json", R"({"schema": 1, "name": "b", "acc": 1})").ok());
  const ProgramResult bad = Compare("base", "base", {"--gate", folder_ / "bad.json"});
  EXPECT_EQ(bad.exit_code, 4);
  EXPECT_THAT(bad.err, HasSubstr("bad.json: field 'acc'"));
}

// SCOPE's published predictions at 4K, window 512. Those of adaptive and discontinuous are not published.
class ComparePublishedTest : public CompareTest {
 protected:
  void SetUp() override {
    const std::string results = PublishedResults4k();
    if (results.empty())
      GTEST_SKIP() << "KVSCOPE_MIRROR is not a file:// mirror of the published predictions";
    ASSERT_EQ(RunKvscope({"import", "scope", results, "--out", folder_ / "runs"}).exit_code, 0);
  }

  json CompareMethods(const std::string& task, const std::string& base, const std::string& candidate,
                      const std::string& scorer) {
    const auto folder = [&](const std::string& method) {
      const std::string budgets = method == "full" ? "" : "_C2048_W512_R256";
      return "runs/" + task + "_4k_" + method + budgets;
    };
    const ProgramResult result = Compare(folder(base), folder(candidate), {"--scorer", scorer, "--json"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out)["cells"][0];
  }
};

// The differences and t intervals: numpy 2.4.6 and scipy 1.17.1's stats.ttest_1samp over the prompts' scores.
TEST_F(ComparePublishedTest, SlideIsBetterThanH2ODecodingOnGsm8k) {
  const json cell = CompareMethods("gsm8k+", "h2o+h2o", "h2o+slide", "published");
  EXPECT_EQ(cell["verdict"], "better");
  EXPECT_EQ(cell["prompts"], 43);
  EXPECT_EQ(cell["accuracy"]["difference_points"], 15.969);
  EXPECT_LT(cell["accuracy"]["sign_flip_p"], 1e-4);
  EXPECT_NEAR(cell["accuracy"]["standard_deviation_points"], 20.03, 0.01);
  EXPECT_NEAR(cell["accuracy"]["t_interval_points"][0], 9.80, 0.01);
  // 43 prompts: an effect of 0.4373 standard deviations (statsmodels 0.15.0, TTestPower).
  EXPECT_NEAR(cell["accuracy"]["detectable_points"], 0.43732 * 20.03, 0.01);
  EXPECT_GT(cell["candidate"]["accuracy"]["design_effect"], 5) << "1290 questions are worth a fifth of that";
  EXPECT_EQ(CompareMethods("gsm8k+", "h2o+h2o", "h2o+slide", "clean")["verdict"], "better");
}

TEST_F(ComparePublishedTest, SlideAndTheFullCacheAreNotSeparableOnCsqaAndMmlu) {
  for (const char* task : {"csqa+", "mmlu+"}) {
    const json cell = CompareMethods(task, "full", "h2o+slide", "published");
    EXPECT_EQ(cell["verdict"], "no difference shown") << task;
    EXPECT_GT(cell["accuracy"]["detectable_points"], 5) << task;
    EXPECT_LT(cell["accuracy"]["t_interval_points"][0], 0) << task;
    EXPECT_GT(cell["accuracy"]["t_interval_points"][1], 0) << task;
  }
}

}  // namespace
}  // namespace kvscope
