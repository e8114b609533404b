#include "eval/compare/gate_simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "results/base/file.h"

namespace kvscope {
namespace {

constexpr int kPairs = 1500;
constexpr uint64_t kSeed = 5;
constexpr AccuracyRule kRule = {.margin_points = 5, .alpha = 0.05};
// Three standard errors of a share of .05 over kPairs draws.
constexpr double kSlack = 0.017;

TEST(GateErrorRates, SoundPairsFailNoMoreOftenThanAlpha) {
  for (const int prompts : {6, 12, 43}) {
    const ErrorRates rates = SimulateGate({.prompts = prompts}, kRule, kPairs, kSeed);
    EXPECT_LE(rates.fail, kRule.alpha + kSlack) << prompts;
    EXPECT_LE(rates.called_worse, kRule.alpha / 2 + kSlack) << prompts;
    EXPECT_NEAR(rates.pass + rates.inconclusive + rates.fail, 1, 1e-12);
  }
}

TEST(GateErrorRates, ARegressionOfTheMarginPassesNoMoreOftenThanAlpha) {
  for (const int prompts : {6, 12, 43}) {
    const ErrorRates at = SimulateGate({.prompts = prompts, .difference = -0.05}, kRule, kPairs, kSeed);
    EXPECT_LE(at.pass, kRule.alpha + kSlack) << prompts;
    EXPECT_LE(at.fail, kRule.alpha + kSlack) << prompts;
    const ErrorRates beyond = SimulateGate({.prompts = prompts, .difference = -0.1}, kRule, kPairs, kSeed);
    EXPECT_LT(beyond.pass, 0.02) << prompts;
  }
}

TEST(GateErrorRates, MorePromptsDecideMore) {
  double before = 1;
  for (const int prompts : {6, 12, 24, 43}) {
    const ErrorRates rates = SimulateGate({.prompts = prompts}, kRule, kPairs, kSeed);
    EXPECT_LT(rates.inconclusive, before) << prompts;
    before = rates.inconclusive;
  }
  EXPECT_LT(before, 0.2);
}

TEST(EndingErrorRates, SoundPairsFailNoMoreOftenThanAlphaHoweverManyOverrun) {
  for (const double share : {0.05, 0.5, 0.95})
    for (const int prompts : {6, 12, 43}) {
      const EndingErrorRates rates =
          SimulateEndings({.prompts = prompts, .base_share = share}, kRule.alpha, kPairs, kSeed);
      EXPECT_LE(rates.paired, kRule.alpha + kSlack) << prompts << " prompts, " << share;
      EXPECT_LE(rates.paired, rates.by_count);
    }
  EXPECT_GT(SimulateEndings({.base_share = 0.5}, kRule.alpha, kPairs, kSeed).by_count, 0.3)
      << "what a rule on the count does";
}

TEST(EndingErrorRates, ManyPromptsShowAnIncrease) {
  EXPECT_GT(SimulateEndings({.prompts = 43, .increase = 0.4}, kRule.alpha, kPairs, kSeed).paired, 0.95);
}

TEST(GateErrorRates, TheReadmeHasTheTables) {
  const auto readme = ReadFile(std::string(KVSCOPE_SOURCE_DIR) + "/eval/README.md");
  ASSERT_TRUE(readme.ok()) << readme.status();
  EXPECT_THAT(*readme, testing::HasSubstr(GateErrorTable()));
  EXPECT_THAT(*readme, testing::HasSubstr(EndingErrorTable()));
}

}  // namespace
}  // namespace kvscope
