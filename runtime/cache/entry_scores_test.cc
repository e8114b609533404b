#include "runtime/cache/entry_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "runtime/methods/policies.h"

namespace kvscope {
namespace {

using testing::ElementsAre;
using testing::FloatNear;

constexpr size_t kHeadDim = 8;

// One entry a key; a key is given by its first two elements.
HeadCache CacheOf(const std::vector<std::pair<float, float>>& keys, int first_position = 0) {
  static PageLedger ledger;
  HeadCache cache(KvType::kF32, kHeadDim, ledger);
  for (const auto& [x, y] : keys) {
    const std::vector<float> key = {x, y, 0, 0, 0, 0, 0, 0}, value(kHeadDim);
    cache.Append(first_position++, key.data(), value.data());
  }
  return cache;
}

Method WithDecode(const DecodePolicy& policy) {
  return {.prefill = &kFullPrefill, .decode = &policy, .semantics = Semantics::kClean, .budgets = {}};
}

TEST(ScoreEntries, CurrentAttentionIsTakenAsItIs) {
  HeadCache cache = CacheOf({{1, 0}, {0, 1}});
  std::vector<float> scores = {0.25f, 0.75f};
  ScoreEntries(WithDecode(kSlideDecode), {}, cache, 0, scores);
  EXPECT_THAT(scores, ElementsAre(0.25f, 0.75f));
}

TEST(ScoreEntries, AccumulatedAttentionIsSummedFromStepToStep) {
  HeadCache cache = CacheOf({{1, 0}, {0, 1}});
  cache.accumulated()[0] = 2.0f;  // from prefill
  std::vector<float> scores = {0.25f, 0.75f};
  ScoreEntries(WithDecode(kH2oDecode), {}, cache, 0, scores);
  EXPECT_THAT(scores, ElementsAre(2.25f, 0.75f));
  scores = {0.5f, 0.5f};
  ScoreEntries(WithDecode(kH2oDecode), {}, cache, 0, scores);
  EXPECT_THAT(scores, ElementsAre(2.75f, 1.25f));
}

// Published H2O judges by the current step alone.
TEST(ScoreEntries, PublishedH2oAccumulatesNothing) {
  HeadCache cache = CacheOf({{1, 0}});
  Method method = WithDecode(kH2oDecode);
  method.semantics = Semantics::kPublished;
  std::vector<float> scores = {0.25f};
  ScoreEntries(method, {}, cache, 0, scores);
  ScoreEntries(method, {}, cache, 0, scores);
  EXPECT_THAT(scores, ElementsAre(0.25f));
}

// Three keys along x of different lengths and one along y: the mean direction is (3, 1) / sqrt(10).
TEST(LikenessToMeanKey, IsACosineWhateverTheKeysLengths) {
  const HeadCache cache = CacheOf({{1, 0}, {5, 0}, {0.1f, 0}, {0, 2}});
  const float along = 3 / std::sqrt(10.0f), across = 1 / std::sqrt(10.0f);
  EXPECT_THAT(LikenessToMeanKey(cache), ElementsAre(FloatNear(along, 1e-6f), FloatNear(along, 1e-6f),
                                                    FloatNear(along, 1e-6f), FloatNear(across, 1e-6f)));
  const HeadCache zeros = CacheOf({{0, 0}, {0, 0}});
  EXPECT_THAT(LikenessToMeanKey(zeros), ElementsAre(0, 0)) << "no direction, no division by zero";
}

TEST(ScoreEntries, KeyDiffKeepsTheDistinctKey) {
  HeadCache cache = CacheOf({{1, 0}, {1, 0}, {0, 1}});
  std::vector<float> scores = {0.9f, 0.05f, 0.05f};
  ScoreEntries(WithDecode(kKeyDiffDecode), {}, cache, 0, scores);
  EXPECT_FLOAT_EQ(scores[0], scores[1]) << "attention does not matter";
  EXPECT_GT(scores[2], scores[0]);
}

// 0.1 of the attention, relative to the largest, less 0.9 of the likeness.
TEST(ScoreEntries, NoveltyWeighsAttentionAgainstLikeness) {
  HeadCache cache = CacheOf({{1, 0}, {1, 0}, {0, 1}});
  std::vector<float> scores = {0.8f, 0.4f, 0.2f};
  ScoreEntries(WithDecode(kRkvDecode), {}, cache, 0, scores);
  const float along = 2 / std::sqrt(5.0f), across = 1 / std::sqrt(5.0f);
  EXPECT_THAT(scores,
              ElementsAre(FloatNear(0.1f - 0.9f * along, 1e-6f), FloatNear(0.05f - 0.9f * along, 1e-6f),
                          FloatNear(0.025f - 0.9f * across, 1e-6f)));
}

TEST(ScoreEntries, RandomScoresBelongToTheEntryAndTheSeed) {
  HeadCache cache = CacheOf({{1, 0}, {0, 1}});
  Method method = WithDecode(kRandomDecode);
  std::vector<float> first(2), again = {0.5f, 0.5f}, other_head(2), other_seed(2);
  ScoreEntries(method, {1, 2}, cache, 0, first);
  ScoreEntries(method, {1, 2}, cache, 0, again);
  ScoreEntries(method, {1, 3}, cache, 0, other_head);
  method.budgets.seed = 1;
  ScoreEntries(method, {1, 2}, cache, 0, other_seed);
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other_head);
  EXPECT_NE(first, other_seed);
  EXPECT_NE(first[0], first[1]);
}

// Position 1 is held by both heads, 0 and 2 by one each.
TEST(ShareLayerAttention, AveragesOverTheHeadsThatHoldAPosition) {
  std::vector<HeadCache> caches;
  caches.push_back(CacheOf({{1, 0}, {1, 0}}, 0));
  caches.push_back(CacheOf({{1, 0}, {1, 0}}, 1));
  std::vector<float> first = {0.5f, 0.25f}, second = {0.75f, 0.125f};
  ShareLayerAttention(caches, std::vector<std::span<float>>{first, second});
  EXPECT_THAT(first, ElementsAre(0.5f, 0.5f));
  EXPECT_THAT(second, ElementsAre(0.5f, 0.125f));
}

TEST(ShareLayerAttention, HeadsThatHoldTheSameGetTheirMean) {
  std::vector<HeadCache> caches;
  caches.push_back(CacheOf({{1, 0}, {1, 0}}));
  caches.push_back(CacheOf({{1, 0}, {1, 0}}));
  std::vector<float> first = {0.5f, 0.25f}, second = {0.75f, 0.125f};
  ShareLayerAttention(caches, std::vector<std::span<float>>{first, second});
  EXPECT_THAT(first, ElementsAre(0.625f, 0.1875f));
  EXPECT_EQ(second, first);
}

// What the prompt's entries receive does not matter where they are no candidates.
TEST(ScoreEntries, BeforeTheFirstCandidateNothingIsAccumulated) {
  HeadCache cache = CacheOf({{1, 0}, {0, 1}});
  std::vector<float> scores = {0.25f, 0.75f};
  ScoreEntries(WithDecode(kScopeDecode), {}, cache, 1, scores);
  EXPECT_THAT(cache.accumulated(), ElementsAre(0, 0.75f));
}

}  // namespace
}  // namespace kvscope
