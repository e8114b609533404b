#include "eval/stats/clustered_accuracy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "datasets/arith/random.h"
#include "eval/metrics/mean_interval.h"

namespace kvscope {
namespace {

constexpr double kConfidence = 0.95;

// statsmodels 0.15.0: OLS(right, 1).fit(cov_type="cluster", use_t=True) over single answers; the intraclass
// correlation from anova_lm of right ~ C(cluster).
TEST(AccuracyOfClusters, MatchesStatsmodelsWithUnequalClusters) {
  const std::vector<ClusterScore> clusters = {{7, 10}, {4, 10}, {9, 12}, {2, 8}, {10, 10}, {5, 10}};
  const auto result = AccuracyOfClusters(clusters, kConfidence);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->clusters, 6);
  EXPECT_EQ(result->questions, 60);
  EXPECT_NEAR(result->accuracy, 37.0 / 60, 1e-12);
  EXPECT_NEAR(result->standard_error.value(), 0.10425751593832283, 1e-12);
  EXPECT_NEAR(result->interval->low, 0.34866419, 1e-8);
  EXPECT_NEAR(result->interval->high, 0.88466914, 1e-8);
  EXPECT_NEAR(result->design_effect.value(), 2.7589189189189214, 1e-10);
  EXPECT_NEAR(result->effective_questions.value(), 60 / 2.7589189189189214, 1e-9);
  EXPECT_NEAR(result->intraclass_correlation.value(), 0.19716446596610362, 1e-10);
}

TEST(AccuracyOfClusters, IsTheMeanOverClustersWhereTheyAreEqual) {
  const std::vector<double> shares = {0.3, 0.5, 0.9, 0.7};
  const auto mean = MeanWithInterval(shares);
  const auto result =
      AccuracyOfClusters(std::vector<ClusterScore>{{3, 10}, {5, 10}, {9, 10}, {7, 10}}, kConfidence);
  EXPECT_NEAR(result->accuracy, mean->mean, 1e-12);
  EXPECT_NEAR(result->interval->high - result->accuracy, mean->half_width.value(), 1e-12);
}

TEST(AccuracyOfClusters, WholeClustersThatAgreeCountOnce) {
  const auto result =
      AccuracyOfClusters(std::vector<ClusterScore>{{30, 30}, {0, 30}, {30, 30}, {0, 30}}, kConfidence);
  EXPECT_NEAR(result->intraclass_correlation.value(), 1, 1e-12);
  // 30 questions for one, times the n / (n - 1) of four clusters.
  EXPECT_NEAR(result->design_effect.value(), 30 * 4.0 / 3, 1e-9);
}

TEST(AccuracyOfClusters, LeavesOutWhatIsUndefined) {
  EXPECT_FALSE(AccuracyOfClusters({}, kConfidence).has_value());
  EXPECT_FALSE(AccuracyOfClusters(std::vector<ClusterScore>{{0, 0}}, kConfidence).has_value());
  const auto one = AccuracyOfClusters(std::vector<ClusterScore>{{3, 4}}, kConfidence);
  EXPECT_EQ(one->accuracy, 0.75);
  EXPECT_FALSE(one->interval.has_value());
  const auto all = AccuracyOfClusters(std::vector<ClusterScore>{{4, 4}, {4, 4}}, kConfidence);
  EXPECT_EQ(all->interval->low, 1);
  EXPECT_FALSE(all->design_effect.has_value());
  EXPECT_FALSE(all->intraclass_correlation.has_value());
}

// 12 prompts of 30 questions whose chances of a right answer spread: the interval has to hold the true mean
// in 95 % of 2000 draws; one that takes questions as independent would in far fewer.
TEST(AccuracyOfClusters, IntervalCoversAsItSays) {
  constexpr int kDraws = 2000, kClusters = 12, kQuestions = 30;
  SplitMix64 random(20260105);
  int covered = 0, covered_by_independent = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<ClusterScore> clusters;
    for (int i = 0; i < kClusters; ++i) {
      const double chance = 0.2 + 0.06 * random.Between(0, 10);  // mean 0.5
      ClusterScore& cluster = clusters.emplace_back(ClusterScore{.correct = 0, .questions = kQuestions});
      for (int question = 0; question < kQuestions; ++question) cluster.correct += random.Chance(chance);
    }
    const auto result = AccuracyOfClusters(clusters, kConfidence);
    covered += result->interval->low <= 0.5 && 0.5 <= result->interval->high;
    const double independent = 1.96 * 0.5 / std::sqrt(kClusters * kQuestions);
    covered_by_independent += std::abs(result->accuracy - 0.5) <= independent;
  }
  EXPECT_NEAR(covered, 0.95 * kDraws, 0.012 * kDraws);
  EXPECT_LT(covered_by_independent, 0.75 * kDraws);
}

}  // namespace
}  // namespace kvscope
