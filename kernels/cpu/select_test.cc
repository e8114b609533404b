#include "kernels/select.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <set>
#include <vector>

namespace kvscope {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(TopK, TakesTheHighestAndOfEqualsTheFirst) {
  const std::vector<float> scores = {1, 5, 3, 5, 5, 0};
  EXPECT_THAT(TopK(scores, 0), IsEmpty());
  EXPECT_THAT(TopK(scores, 2), ElementsAre(1, 3));
  EXPECT_THAT(TopK(scores, 4), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(TopK(scores, 6), ElementsAre(0, 1, 2, 3, 4, 5));
}

TEST(TopKAsTorch, IsInDescendingOrderAndAgreesOnDistinctScores) {
  EXPECT_THAT(TopKAsTorch(std::vector<float>{1, 5, 3, 4}, 3), ElementsAre(1, 3, 2));
  EXPECT_THAT(TopKAsTorch(std::vector<float>{1, 5}, 0), IsEmpty());
  std::mt19937 random(7);
  for (int n : {1, 10, 100, 1000}) {
    std::vector<float> scores(static_cast<size_t>(n));
    for (int i = 0; i < n; ++i) scores[static_cast<size_t>(i)] = static_cast<float>(i);
    std::shuffle(scores.begin(), scores.end(), random);
    for (int k : {0, 1, n / 64, n / 2, n}) {
      std::vector<int> indices = TopKAsTorch(scores, k);
      for (size_t i = 1; i < indices.size(); ++i) {
        EXPECT_GT(scores[static_cast<size_t>(indices[i - 1])], scores[static_cast<size_t>(indices[i])]);
      }
      std::sort(indices.begin(), indices.end());
      EXPECT_EQ(indices, TopK(scores, k)) << n << " " << k;
    }
  }
}

// With ties the two may choose differently, but never a lower score.
TEST(TopKAsTorch, ChoosesTheSameScoresAmongTies) {
  std::mt19937 random(8);
  for (int round = 0; round < 200; ++round) {
    std::vector<float> scores(50);
    for (float& score : scores) score = static_cast<float>(random() % 4);
    const int k = static_cast<int>(random() % 51);
    std::multiset<float> torch, ours;
    const std::vector<int> indices = TopKAsTorch(scores, k);
    for (int i : indices) torch.insert(scores[static_cast<size_t>(i)]);
    for (int i : TopK(scores, k)) ours.insert(scores[static_cast<size_t>(i)]);
    EXPECT_EQ(torch, ours);
    EXPECT_EQ(std::set<int>(indices.begin(), indices.end()).size(), indices.size());
  }
}

TEST(MaxPool, TakesTheMaximumAroundEachElement) {
  EXPECT_THAT(MaxPool(std::vector<float>{3, 1, 0, 0, 0, 2}, 3), ElementsAre(3, 3, 1, 0, 2, 2));
  EXPECT_THAT(MaxPool(std::vector<float>{3, 1, 2}, 7), ElementsAre(3, 3, 3));
  EXPECT_THAT(MaxPool(std::vector<float>{3, 1, 2}, 1), ElementsAre(3, 1, 2));
  EXPECT_THAT(MaxPool(std::vector<float>{}, 7), IsEmpty());
}

// Against a plain loop: few different scores, so that many are equal; some are no numbers.
TEST(LowestCandidate, IsTheWorstOfTheWindowAndOfEqualOnesTheLatest) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    const size_t n = 1 + random() % 200;
    std::vector<float> scores(n);
    for (float& score : scores)
      score = random() % 32 == 0 ? std::numeric_limits<float>::quiet_NaN() : static_cast<float>(random() % 8);
    std::vector<int> ranks(n);
    std::iota(ranks.begin(), ranks.end(), 0);
    std::ranges::shuffle(ranks, random);
    const int first = static_cast<int>(random() % (n + 1)), end = static_cast<int>(random() % (n + 1));
    int expected = -1;
    for (int i = 0; i < static_cast<int>(n); ++i) {
      const auto s = static_cast<size_t>(i), e = static_cast<size_t>(expected);
      if (ranks[s] < first || ranks[s] >= end || std::isnan(scores[s])) continue;
      if (expected < 0 || scores[s] < scores[e] || (scores[s] == scores[e] && ranks[s] > ranks[e]))
        expected = i;
    }
    EXPECT_EQ(LowestCandidate(scores, ranks, first, end), expected) << n << " slots";
  }
}

}  // namespace
}  // namespace kvscope
