#include "eval/stats/group_sequential.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "datasets/arith/random.h"
#include "eval/stats/equivalence.h"

namespace kvscope {
namespace {

// scipy 1.17.1: 2 - 2 * norm.cdf(norm.ppf(1 - alpha / 2) / sqrt(t)). Lan and DeMets's first of two looks at
// one-sided .025 spends .00153.
TEST(SpendAlpha, SpendsLikeOBrienAndFleming) {
  const auto looks = SpendAlpha(std::vector<double>{0.2, 0.4, 0.5, 0.6, 0.8, 1}, 0.025);
  ASSERT_TRUE(looks.ok()) << looks.status();
  const double spent[] = {5.388712629450509e-07, 0.00039415175669121894, 0.0015253227579890005,
                          0.0038080633109893736, 0.012211790346448037,   0.025};
  double sum = 0;
  for (size_t i = 0; i < std::size(spent); ++i) {
    EXPECT_NEAR((*looks)[i].cumulative_alpha, spent[i], 1e-12);
    sum += (*looks)[i].nominal_alpha;
    EXPECT_NEAR(sum, spent[i], 1e-12);
  }
}

TEST(SpendAlpha, OneLookAtTheEndMaySpendAll) {
  EXPECT_NEAR(SpendAlpha(std::vector<double>{1}, 0.05)->at(0).nominal_alpha, 0.05, 1e-12);
}

TEST(SpendAlpha, RefusesWhatIsNoSchedule) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  for (const std::vector<double>& information :
       std::vector<std::vector<double>>{{0}, {0.5, 0.5}, {0.5, 0.4}, {1.1}, {kNan}})
    EXPECT_EQ(SpendAlpha(information, 0.05).status().code(), absl::StatusCode::kInvalidArgument);
  for (const double alpha : {0.0, 1.0, -1.0, kNan})
    EXPECT_EQ(SpendAlpha(std::vector<double>{1}, alpha).status().code(), absl::StatusCode::kInvalidArgument);
}

// A candidate that is worse by exactly the margin, looked at four times: claimed not to be in at most 5 % of
// cases. Looking as often at 5 % each time would claim it in some 10 %.
TEST(SpendAlpha, KeepsFalseClaimsBelowAlphaOverAllLooks) {
  constexpr int kDraws = 2000, kClusters = 40;
  constexpr double kMargin = 5;
  const auto looks = SpendAlpha(std::vector<double>{0.25, 0.5, 0.75, 1}, 0.05);
  SplitMix64 random(11);
  int claimed = 0, claimed_naively = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<double> differences;
    bool spending = false, naive = false;
    for (const Look& look : *looks) {
      while (static_cast<double>(differences.size()) < look.information * kClusters)
        differences.push_back(-kMargin + random.Between(-10, 10) + random.Between(-10, 10));
      const double p = NonInferiorityP(*SummarizePaired(differences), kMargin);
      spending = spending || p <= look.nominal_alpha;
      naive = naive || p <= 0.05;
    }
    claimed += spending;
    claimed_naively += naive;
  }
  EXPECT_LE(claimed, 0.06 * kDraws);
  EXPECT_GE(claimed, 0.025 * kDraws) << "and not far below";
  EXPECT_GT(claimed_naively, 0.09 * kDraws);
}

}  // namespace
}  // namespace kvscope
