// Cases small enough to work out by hand; the published forms are also held against recorded runs
// (golden_trace_test).
#include "runtime/methods/prefill_selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/methods/layer_budget.h"

namespace kvscope {
namespace {

using testing::ElementsAre;

std::vector<int> Kept(std::string_view name, Semantics semantics, const Budgets& budgets, int prompt,
                      const std::vector<float>& scores, LayerIndex layer = {}) {
  const auto method = MakeMethod(name, semantics, budgets);
  EXPECT_TRUE(method.ok()) << method.status();
  const auto kept = SelectPrefill(*method, layer, prompt, scores);
  EXPECT_TRUE(kept.ok()) << kept.status();
  return *kept;
}

TEST(SelectPrefill, FullAndShortPromptsStayWhole) {
  EXPECT_THAT(Kept("full", Semantics::kClean, {}, 3, {}), ElementsAre(0, 1, 2));
  EXPECT_THAT(Kept("h2o", Semantics::kClean, {.prefill = 4, .observation = 2}, 4, {}),
              ElementsAre(0, 1, 2, 3));
}

TEST(SelectPrefill, StreamingLlmKeepsTheFirstAndTheLastHalf) {
  EXPECT_THAT(Kept("streamingllm", Semantics::kClean, {.prefill = 4}, 10, {}), ElementsAre(0, 1, 8, 9));
  EXPECT_THAT(Kept("streamingllm", Semantics::kClean, {.prefill = 5}, 10, {}), ElementsAre(0, 1, 2, 8, 9));
}

TEST(SelectPrefill, H2oKeepsTheBestScoredAndTheWindow) {
  const std::vector<float> scores = {1, 9, 2, 8, 8, 0};  // P = 8, w = 2
  EXPECT_THAT(Kept("h2o", Semantics::kClean, {.prefill = 4, .observation = 2}, 8, scores),
              ElementsAre(1, 3, 6, 7))
      << "of the equal scores at 3 and 4 the earlier position stays";
  EXPECT_THAT(Kept("h2o", Semantics::kPublished, {.prefill = 5, .observation = 2}, 8, {1, 9, 2, 8, 7, 0}),
              ElementsAre(1, 3, 4, 6, 7))
      << "published rows are by descending score";
}

// The peak at 9 lifts its neighbours within 3 positions above the lone high score at 0.
TEST(SelectPrefill, SnapKvPoolsSoThatNeighboursOfAPeakStay) {
  const std::vector<float> scores = {5, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0};
  EXPECT_THAT(Kept("snapkv", Semantics::kClean, {.prefill = 9, .observation = 2}, 16, scores),
              ElementsAre(6, 7, 8, 9, 10, 11, 12, 14, 15));
}

TEST(SelectPrefill, PublishedPyramidInferNeedsRoomForBudgetAndWindow) {
  const auto method = *MakeMethod("pyramidinfer", Semantics::kPublished, {.prefill = 64, .observation = 8});
  EXPECT_EQ(SelectPrefill(method, {}, 71, std::vector<float>(63)).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(SelectPrefill(method, {}, 72, std::vector<float>(64))->size(), 72u);
}

// average 100, divisor 20: from 195 in the first of 5 layers down to 5 in the last, so in steps of 47.5.
TEST(PyramidShare, FallsInEqualStepsAndKeepsTheTotal) {
  int total = 0;
  for (int layer = 0; layer < 5; ++layer) total += PyramidShare(100, 20, 1000, layer, 5);
  EXPECT_EQ(PyramidShare(100, 20, 1000, 0, 5), 195);
  EXPECT_EQ(PyramidShare(100, 20, 1000, 2, 5), 100);
  EXPECT_EQ(PyramidShare(100, 20, 1000, 4, 5), 5);
  EXPECT_NEAR(total, 500, 5);
}

TEST(PyramidShare, IsCappedByTheCandidates) {
  EXPECT_EQ(PyramidShare(100, 20, 150, 0, 5), 150);
  EXPECT_EQ(PyramidShare(100, 20, 150, 4, 5), 50);
  EXPECT_EQ(PyramidShare(100, 20, 150, 0, 1), 100);
}

// The published step is (195 - 5) / 5 = 38, cut: the last layer keeps 43 where its share is 5.
TEST(PyramidShare, ThePublishedFormStopsAStepEarly) {
  EXPECT_EQ(PublishedPyramidShare(100, 20, 1000, 0, 5), 195);
  EXPECT_EQ(PublishedPyramidShare(100, 20, 1000, 4, 5), 43);
}

}  // namespace
}  // namespace kvscope
