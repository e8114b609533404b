#include "eval/stats/paired_mean.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "eval/stats/detectable_difference.h"
#include "eval/stats/distributions.h"
#include "eval/stats/equivalence.h"
#include "eval/stats/testing_data.h"

namespace kvscope {
namespace {

PairedMean Darwin() { return *SummarizePaired(DarwinPairs()); }

// scipy 1.17.1: stats.ttest_1samp(darwin, 0) and its confidence_interval(.95). Fisher prints t = 2.148.
TEST(PairedMean, MatchesScipyOnDarwinsPairs) {
  const PairedMean paired = Darwin();
  EXPECT_EQ(paired.clusters, 15);
  EXPECT_NEAR(paired.mean, 314.0 / 15, 1e-12);
  EXPECT_NEAR(paired.standard_deviation, 37.7443783262898, 1e-10);
  EXPECT_NEAR(paired.mean / paired.standard_error, 2.1479874613311205, 1e-12);
  const Interval interval = TInterval(paired, 0.95);
  EXPECT_NEAR(interval.low, 0.031193318392979563, 1e-9);
  EXPECT_NEAR(interval.high, 41.83547334827369, 1e-9);
}

TEST(PairedMean, NeedsTwoClusters) {
  EXPECT_FALSE(SummarizePaired({}).has_value());
  EXPECT_FALSE(SummarizePaired(std::vector<double>{1}).has_value());
}

TEST(PairedMean, WithoutSpreadTheIntervalIsAPoint) {
  const Interval interval = TInterval(*SummarizePaired(std::vector<double>{0, 0, 0}), 0.95);
  EXPECT_EQ(interval.low, 0);
  EXPECT_EQ(interval.high, 0);
}

// statsmodels 0.15.0: DescrStatsW(darwin).ttost_mean(-40, 40); scipy: ttest_1samp(darwin, -5, "greater").
TEST(Equivalence, MatchesStatsmodels) {
  EXPECT_NEAR(EquivalenceP(Darwin(), 40), 0.03533171151936539, 1e-10);
  EXPECT_NEAR(NonInferiorityP(Darwin(), 40), 1.05908035958308e-05, 1e-12);
  EXPECT_NEAR(NonInferiorityP(Darwin(), 5), 0.009311560393133975, 1e-10);
}

TEST(Equivalence, BelongsToTheIntervalOfTwiceAlpha) {
  const Interval interval = TInterval(Darwin(), 0.9);
  EXPECT_NEAR(EquivalenceP(Darwin(), interval.high), 0.05, 1e-10);
}

TEST(Equivalence, WithoutSpreadTheMeanDecides) {
  const PairedMean same = *SummarizePaired(std::vector<double>{0, 0, 0});
  EXPECT_EQ(EquivalenceP(same, 1), 0);
  EXPECT_EQ(NonInferiorityP(same, 0), 1) << "a mean at the margin is not beyond it";
  EXPECT_EQ(NonInferiorityP(*SummarizePaired(std::vector<double>{-2, -2}), 1), 1);
}

// statsmodels 0.15.0: TTestPower().solve_power(nobs=n, alpha=.05, power=.8).
TEST(DetectableDifference, MatchesStatsmodels) {
  EXPECT_NEAR(DetectableDifference(1, 43, 0.05, 0.8), 0.4373217945676324, 1e-6);
  EXPECT_NEAR(DetectableDifference(1, 6, 0.05, 0.8), 1.4345451395119289, 1e-6);
  EXPECT_NEAR(DetectableDifference(1, 2, 0.05, 0.8), 11.549889754978167, 1e-4);
  EXPECT_NEAR(DetectableDifference(12, 43, 0.05, 0.8), 12 * 0.4373217945676324, 1e-5);
  EXPECT_EQ(DetectableDifference(0, 43, 0.05, 0.8), 0);
}

TEST(DetectableDifference, FallsAsClustersAreAdded) {
  double before = DetectableDifference(1, 2, 0.05, 0.8);
  for (int clusters = 3; clusters < 100; ++clusters) {
    const double now = DetectableDifference(1, clusters, 0.05, 0.8);
    EXPECT_LT(now, before) << clusters;
    before = now;
  }
  // For many clusters: (z(.975) + z(.8)) / sqrt(n).
  EXPECT_NEAR(DetectableDifference(1, 10000, 0.05, 0.8),
              (NormalQuantile(0.975) + NormalQuantile(0.8)) / std::sqrt(10000.0), 1e-5);
}

}  // namespace
}  // namespace kvscope
