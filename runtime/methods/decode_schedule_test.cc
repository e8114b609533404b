// Clean semantics worked out by hand; the published ones are held against recorded runs (golden_trace_test).
#include "runtime/methods/decode_schedule.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

Method Make(std::string_view name, const Budgets& budgets) {
  const auto method = MakeMethod(name, Semantics::kClean, budgets);
  EXPECT_TRUE(method.ok()) << method.status();
  return *method;
}

// Plays `steps` steps of one layer whose cache holds what the schedule says, and returns the lengths after
// each.
std::vector<int> Lengths(const Method& method, int prompt, int kept, int steps) {
  DecodeSchedule schedule(method, prompt, {kept}, 1, {}, nullptr);
  std::vector<int> lengths;
  int length = kept;
  for (int step = 0; step < steps; ++step) {
    ++length;
    const Selection selection = schedule.Next(0, 0, step, length);
    if (selection.due) length = selection.first + selection.keep + selection.recent;
    EXPECT_LE(length, schedule.Limit(0, 0, step)) << "step " << step;
    lengths.push_back(length);
  }
  return lengths;
}

TEST(DecodeSchedule, NoneNeverSelects) {
  DecodeSchedule schedule(Make("full", {}), 10, {10}, 1, {}, nullptr);
  EXPECT_FALSE(schedule.Next(0, 0, 0, 1000000).due);
  EXPECT_EQ(schedule.Limit(0, 0, 0), DecodeSchedule::kUnlimited);
}

// P = 10 protected, W = 4 of which R = 2 are recent: full at 14, then one candidate too many at each step.
TEST(DecodeSchedule, SlideKeepsThePromptAndAWindow) {
  const Method method = Make("full+slide", {.window = 4, .recent = 2});
  EXPECT_EQ(Lengths(method, 10, 10, 6), (std::vector<int>{11, 12, 13, 14, 14, 14}));
  DecodeSchedule schedule(method, 10, {10}, 1, {}, nullptr);
  EXPECT_FALSE(schedule.Next(0, 0, 3, 14).due);
  const Selection selection = schedule.Next(0, 0, 4, 15);
  EXPECT_TRUE(selection.due);
  EXPECT_EQ(selection.first, 10);
  EXPECT_EQ(selection.keep, 2);
  EXPECT_EQ(selection.recent, 2);
}

// A compressed prompt is protected as it was left: 6 of 10 entries, and the window on top.
TEST(DecodeSchedule, SlideProtectsWhatPrefillKept) {
  const Method method = Make("snapkv+slide", {.prefill = 6, .observation = 2, .window = 4, .recent = 2});
  EXPECT_EQ(Lengths(method, 10, 6, 6), (std::vector<int>{7, 8, 9, 10, 10, 10}));
  // A prompt shorter than its budget does not lend the rest to decoding.
  EXPECT_EQ(Lengths(method, 5, 5, 6), (std::vector<int>{6, 7, 8, 9, 9, 9}));
}

TEST(DecodeSchedule, H2oAndSlmShareOneBudget) {
  const Budgets budgets{.prefill = 6, .observation = 2, .window = 4, .recent = 2};
  for (const char* name : {"h2o+h2o", "streamingllm+slm"}) {
    const Method method = Make(name, budgets);
    EXPECT_EQ(Lengths(method, 10, 6, 6), (std::vector<int>{7, 8, 9, 10, 10, 10})) << name;
    EXPECT_EQ(Lengths(method, 5, 5, 7), (std::vector<int>{6, 7, 8, 9, 10, 10, 10})) << name;
    DecodeSchedule schedule(method, 10, {6}, 1, {}, nullptr);
    EXPECT_EQ(schedule.Next(0, 0, 4, 11).first, 0) << name;
  }
}

// T = 22, R = 2, W = 6: delta = 20 / 4 = 5, so the window is 2 in steps 0-4, 3 in 5-9, ... and 6 from step 20
// on.
TEST(DecodeSchedule, AdaptiveGrowsByOneEveryDeltaSteps) {
  const Method method = Make("full+adaptive", {.window = 6, .recent = 2, .max_new = 22});
  const std::vector<int> lengths = Lengths(method, 10, 10, 40);
  EXPECT_EQ(lengths[0], 11);
  for (int step = 1; step < 40; ++step) {
    EXPECT_EQ(lengths[static_cast<size_t>(step)], 10 + std::min(6, 2 + step / 5)) << "step " << step;
  }
}

// The same window, selected for once in 5 steps: between two selections the cache runs up to 4 over.
TEST(DecodeSchedule, DiscontinuousSelectsOnceInDeltaSteps) {
  const Method method = Make("full+discontinuous", {.window = 6, .recent = 2, .max_new = 22});
  DecodeSchedule schedule(method, 10, {10}, 1, {}, nullptr);
  std::vector<int> selected;
  int length = 10;
  for (int step = 0; step < 20; ++step) {
    const Selection selection = schedule.Next(0, 0, step, ++length);
    if (!selection.due) continue;
    selected.push_back(step);
    length = selection.first + selection.keep + selection.recent;
  }
  EXPECT_EQ(selected, (std::vector<int>{2, 7, 12, 17}));
  Lengths(method, 10, 10, 40);  // never above the limit
}

// Fewer new tokens than the recent window: nothing to grow, and no division by zero.
TEST(DecodeSchedule, AdaptiveStandsAShortOutput) {
  const Method method = Make("full+adaptive", {.window = 512, .recent = 256, .max_new = 16});
  EXPECT_EQ(Lengths(method, 10, 10, 16).back(), 26);
}

// average C + W - R = 20, divisor 2: 30 in the first of 3 layers, 20, 10; and R = 4 on top of each.
TEST(DecodeSchedule, PyramidInferGivesLowerLayersMore) {
  const Method method = Make("h2o+pyramidinfer", {.prefill = 16, .observation = 2, .window = 8, .recent = 4});
  DecodeSchedule schedule(method, 100, {16, 16, 16}, 1, {}, nullptr);
  EXPECT_EQ(schedule.Limit(0, 0, 0), 34);
  EXPECT_EQ(schedule.Limit(1, 0, 0), 24);
  EXPECT_EQ(schedule.Limit(2, 0, 0), 14);
  EXPECT_FALSE(schedule.Next(0, 0, 0, 17).due);
  const Selection selection = schedule.Next(2, 0, 0, 17);
  EXPECT_TRUE(selection.due);
  EXPECT_EQ(selection.keep, 10);
}

// Spread 1 : 3 over two heads: of 2 x 4 scored entries one keeps 2, the other 6; the layer's total is that of
// an even share.
TEST(DecodeSchedule, ASpreadMovesTheWindowBetweenHeads) {
  const Method method = Make("full+slide", {.window = 6, .recent = 2});
  DecodeSchedule schedule(method, 10, {10}, 2, {{0.5, 1.5}}, nullptr);
  EXPECT_EQ(schedule.Limit(0, 0, 0), 14);
  EXPECT_EQ(schedule.Limit(0, 1, 0), 18);
  EXPECT_FALSE(schedule.Next(0, 0, 3, 14).due);
  EXPECT_EQ(schedule.Next(0, 0, 4, 15).keep, 2);
  EXPECT_FALSE(schedule.Next(0, 1, 4, 15).due);
  EXPECT_EQ(schedule.Next(0, 1, 8, 19).keep, 6);
  // Uneven parts are rounded so that nothing is lost: 3 x 5 entries over spreads 1 : 1 : 2.
  DecodeSchedule thirds(Make("full+slide", {.window = 7, .recent = 2}), 10, {10}, 3, {{1, 1, 2}}, nullptr);
  EXPECT_EQ(thirds.Limit(0, 0, 0) + thirds.Limit(0, 1, 0) + thirds.Limit(0, 2, 0), 3 * 17);
}

TEST(DecodeSchedule, NullSelectsAlwaysAndKeepsAll) {
  DecodeSchedule schedule(Make("full+null", {}), 10, {10}, 1, {}, nullptr);
  const Selection selection = schedule.Next(0, 0, 0, 11);
  EXPECT_TRUE(selection.due);
  EXPECT_GE(selection.keep, 11);
  EXPECT_EQ(schedule.Limit(0, 0, 0), DecodeSchedule::kUnlimited);
}

}  // namespace
}  // namespace kvscope
