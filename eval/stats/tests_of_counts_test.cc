// McNemar's tests and Holm's adjustment.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "eval/stats/holm.h"
#include "eval/stats/mcnemar.h"

namespace kvscope {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;

// statsmodels 0.15.0: mcnemar([[0, 5], [15, 0]], exact=True).
TEST(McNemar, NaivePMatchesStatsmodels) {
  EXPECT_NEAR(NaiveMcNemarP({.questions = 40, .base_only = 5, .candidate_only = 15}), 0.04138946533203125,
              1e-12);
  EXPECT_NEAR(NaiveMcNemarP({.questions = 40, .base_only = 15, .candidate_only = 5}), 0.04138946533203125,
              1e-12);
  EXPECT_EQ(NaiveMcNemarP({.questions = 4, .base_only = 2, .candidate_only = 2}), 1);
  EXPECT_EQ(NaiveMcNemarP({.questions = 4}), 1);
}

// scipy 1.17.1: stats.binomtest(15, 20, alternative="greater"); the others by hand, 1/32 and 6/32.
TEST(McNemar, IncreaseIsOneSided) {
  EXPECT_NEAR(IncreaseP({.questions = 40, .base_only = 5, .candidate_only = 15}), 0.020694732666015625,
              1e-12);
  EXPECT_NEAR(IncreaseP({.questions = 40, .base_only = 15, .candidate_only = 5}), 0.9940910339355469, 1e-12);
  EXPECT_NEAR(IncreaseP({.questions = 6, .candidate_only = 5}), 1.0 / 32, 1e-12);
  EXPECT_NEAR(IncreaseP({.questions = 6, .base_only = 1, .candidate_only = 4}), 6.0 / 32, 1e-12);
  EXPECT_EQ(IncreaseP({.questions = 6}), 1);
}

// Worked out with numpy 2.4.6 and scipy 1.17.1's stats.chi2.sf: statistic 1.29777.
TEST(McNemar, ClusteredPIsDurkalskis) {
  const std::vector<DiscordantCounts> clusters = {{10, 1, 4}, {10, 0, 3}, {8, 2, 2},
                                                  {12, 1, 0}, {10, 0, 5}, {9, 3, 1}};
  EXPECT_NEAR(ClusteredMcNemarP(clusters).value(), 0.2546205181875476, 1e-10);
  const DiscordantCounts total = Total(clusters);
  EXPECT_EQ(total.questions, 59);
  EXPECT_EQ(total.base_only, 7);
  EXPECT_EQ(total.candidate_only, 15);
}

TEST(McNemar, ClustersOfOneQuestionGiveMcNemarsStatistic) {
  std::vector<DiscordantCounts> clusters(5, {1, 1, 0});
  clusters.resize(20, {1, 0, 1});
  // (15 - 5)^2 / 20 = 5; scipy 1.17.1: stats.chi2.sf(5, 1).
  EXPECT_NEAR(ClusteredMcNemarP(clusters).value(), 0.025347318677468325, 1e-12);
}

TEST(McNemar, SaysNothingWithoutADifference) {
  EXPECT_FALSE(ClusteredMcNemarP({}).has_value());
  EXPECT_FALSE(ClusteredMcNemarP(std::vector<DiscordantCounts>{{10, 2, 2}, {10, 0, 0}}).has_value());
}

// statsmodels 0.15.0: multipletests(p, method="holm").
TEST(Holm, MatchesStatsmodels) {
  EXPECT_THAT(HolmAdjusted(std::vector<double>{.01, .04, .03, .005, .5}),
              Pointwise(DoubleNear(1e-12), {.04, .09, .09, .025, .5}));
}

TEST(Holm, LeavesOneAsItIsAndStopsAtOne) {
  EXPECT_THAT(HolmAdjusted(std::vector<double>{.03}), Pointwise(DoubleNear(0), {.03}));
  EXPECT_THAT(HolmAdjusted(std::vector<double>{.8, .9}), Pointwise(DoubleNear(0), {1, 1}));
  EXPECT_TRUE(HolmAdjusted({}).empty());
}

}  // namespace
}  // namespace kvscope
