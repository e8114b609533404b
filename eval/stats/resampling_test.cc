// The bootstrap and the sign-flip test.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "datasets/arith/random.h"
#include "eval/stats/bootstrap.h"
#include "eval/stats/sign_flip.h"
#include "eval/stats/testing_data.h"

namespace kvscope {
namespace {

TEST(SignFlip, MatchesFishersCountOnDarwinsPairs) {
  EXPECT_NEAR(SignFlipP(kDarwinPairs), 1726.0 / 32768, 1e-12);
}

TEST(SignFlip, MatchesEnumeration) {
  SplitMix64 random(1);
  for (int round = 0; round < 50; ++round) {
    const int n = random.Between(1, 10);
    std::vector<int> differences;
    int seen = 0;
    for (int i = 0; i < n; ++i) seen += differences.emplace_back(random.Between(-5, 5));
    int extreme = 0;
    for (int signs = 0; signs < (1 << n); ++signs) {
      int sum = 0;
      for (int i = 0; i < n; ++i) {
        const int size = differences[static_cast<size_t>(i)];
        sum += (signs >> i & 1) ? size : -size;
      }
      extreme += std::abs(sum) >= std::abs(seen);
    }
    EXPECT_NEAR(SignFlipP(differences), static_cast<double>(extreme) / (1 << n), 1e-12) << round;
  }
}

TEST(SignFlip, HasAFloorThatFewClustersSet) {
  EXPECT_EQ(SignFlipP({}), 1);
  EXPECT_EQ(SignFlipP(std::vector<int>{0, 0}), 1);
  EXPECT_EQ(SignFlipP(std::vector<int>{3, 4, 5, 6, 7}), 2.0 / 32);
  EXPECT_EQ(SignFlipP(std::vector<int>{3, 0, 4, 5, 0, 6, 7}), 2.0 / 32) << "clusters that tie say nothing";
  EXPECT_EQ(SignFlipP(std::vector<int>{-3, -4, -5, -6, -7, -8}), 2.0 / 64);
  EXPECT_LT(SignFlipP(std::vector<int>(2000, 1)), 1e-300)
      << "many clusters: no overflow, no underflow to NaN";
}

// scipy 1.17.1: stats.bootstrap((x,), mean, method="BCa", n_resamples=10**6, rng=1). Other resamples, so
// near.
TEST(Bootstrap, IsNearScipysBca) {
  const auto darwin = BootstrapMeanInterval(DarwinPairs(), {.resamples = 100000});
  ASSERT_TRUE(darwin.has_value());
  EXPECT_NEAR(darwin->low, -1.67, 0.4);  // the percentile interval has 1.4 and 38.1
  EXPECT_NEAR(darwin->high, 36.33, 0.3);
  const std::vector<double> skewed = {0, 0, 0, 1, 0, 0, 2, 0, 9, 0, 1, 30};
  const auto interval = BootstrapMeanInterval(skewed, {.resamples = 100000});
  EXPECT_NEAR(interval->low, 0.583, 0.1);
  EXPECT_NEAR(interval->high, 13, 0.6);
}

TEST(Bootstrap, TheSeedDecides) {
  const auto with_seed = [](uint64_t seed) {
    return BootstrapMeanInterval(DarwinPairs(), {.seed = seed, .resamples = 500})->low;
  };
  EXPECT_EQ(with_seed(3), with_seed(3));
  EXPECT_NE(with_seed(3), with_seed(4));
}

TEST(Bootstrap, TakesFewAndEqualValues) {
  EXPECT_FALSE(BootstrapMeanInterval({}, {}).has_value());
  EXPECT_FALSE(BootstrapMeanInterval(std::vector<double>{1}, {}).has_value());
  const auto point = BootstrapMeanInterval(std::vector<double>{2, 2, 2}, {});
  EXPECT_EQ(point->low, 2);
  EXPECT_EQ(point->high, 2);
  const auto two = BootstrapMeanInterval(std::vector<double>{0, 1}, {});
  EXPECT_EQ(two->low, 0);
  EXPECT_EQ(two->high, 1);
}

}  // namespace
}  // namespace kvscope
