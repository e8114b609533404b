#include "eval/stats/paired_ratio.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "datasets/arith/random.h"

namespace kvscope {
namespace {

// Hollander and Wolfe, "Nonparametric Statistical Methods", 1999, examples 3.1, 3.3 and 3.4: Hamilton
// depression scale before and after a tranquillizer. Estimate -0.46, 96.1 % interval (-0.786, -0.010).
TEST(RatioOfPairs, MatchesHollanderAndWolfe) {
  const double before[] = {1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30};
  const double after[] = {0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29};
  std::vector<double> differences;
  for (size_t i = 0; i < std::size(before); ++i) differences.push_back(after[i] - before[i]);
  const auto result = RatioOfPairs(differences, 0.95);
  ASSERT_TRUE(result.has_value() && result->interval.has_value());
  EXPECT_EQ(result->pairs, 9);
  EXPECT_NEAR(std::log(result->ratio), -0.46, 1e-9);
  EXPECT_NEAR(std::log(result->interval->low), -0.786, 1e-9);
  EXPECT_NEAR(std::log(result->interval->high), -0.010, 1e-9);
}

TEST(RatioOfPairs, TakesSixPairsForAnInterval) {
  const std::vector<double> five(5, std::log(1.1));
  EXPECT_NEAR(RatioOfPairs(five, 0.95)->ratio, 1.1, 1e-12);
  EXPECT_FALSE(RatioOfPairs(five, 0.95)->interval.has_value());
  const std::vector<double> six = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  const auto result = RatioOfPairs(six, 0.95);
  // All of the range, with confidence 1 - 2 / 64.
  EXPECT_NEAR(std::log(result->interval->low), 0.1, 1e-12);
  EXPECT_NEAR(std::log(result->interval->high), 0.6, 1e-12);
  EXPECT_FALSE(RatioOfPairs({}, 0.95).has_value());
}

TEST(RatioOfPairs, AnOutlierHardlyMovesIt) {
  std::vector<double> ratios(20, 0.0);
  ratios.back() = std::log(100);
  const auto result = RatioOfPairs(ratios, 0.95);
  EXPECT_EQ(result->ratio, 1);
  EXPECT_LT(result->interval->high, 1.01);
}

TEST(RatioOfPairs, SwapsToItsReciprocal) {
  const std::vector<double> forth = {0.1, -0.2, 0.3, 0.05, 0.5, -0.6, 0.2},
                            back = {-0.1, 0.2, -0.3, -0.05, -0.5, 0.6, -0.2};
  const auto a = RatioOfPairs(forth, 0.95), b = RatioOfPairs(back, 0.95);
  EXPECT_NEAR(a->ratio * b->ratio, 1, 1e-12);
  EXPECT_NEAR(a->interval->low * b->interval->high, 1, 1e-12);
}

TEST(RatioOfPairs, IntervalCoversAtLeastAsItSays) {
  constexpr int kDraws = 2000;
  SplitMix64 random(7);
  int covered = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> ratios;
    for (int i = 0; i < 10; ++i) ratios.push_back(1e-3 * random.Between(-100, 100));
    const auto result = RatioOfPairs(ratios, 0.95);
    covered += result->interval->low <= 1 && 1 <= result->interval->high;
  }
  EXPECT_GE(covered, 0.94 * kDraws);
  EXPECT_LE(covered, 0.97 * kDraws);
}

}  // namespace
}  // namespace kvscope
