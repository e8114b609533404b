#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "eval/inspect/divergence.h"
#include "eval/inspect/evictions.h"
#include "eval/inspect/heavy_hitters.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/test_model.h"

namespace kvscope {
namespace {

class InspectTest : public testing::Test {
 protected:
  InspectTest()
      : model_(MakeTestModel(9)), backend_(*MakeCpuBackend(model_, Precision::kF32, KvType::kF32, 2)) {
    for (int i = 0; i < 40; ++i) prompt_.push_back((i * 17 + 3) % 50);
  }
  static Method Make(const char* name, const Budgets& budgets) {
    return *MakeMethod(name, Semantics::kClean, budgets);
  }
  size_t vocab() const { return model_->config.vocab; }
  size_t layers() const { return model_->config.layers; }

  std::shared_ptr<const Model> model_;
  std::unique_ptr<Backend> backend_;
  std::vector<int> prompt_;
};

// p = (1/2, 1/2), q = (1/4, 3/4): 1/2 ln 2 + 1/2 ln 2/3.
TEST(KlDivergence, OfTwoCoins) {
  const std::vector<float> p = {0, 0}, q = {0, std::log(3.0f)};
  EXPECT_NEAR(KlDivergence(p, q), 0.5 * std::log(2.0) + 0.5 * std::log(2.0 / 3.0), 1e-7);
  EXPECT_EQ(KlDivergence(q, q), 0);
  // Logits beyond exp's range.
  EXPECT_NEAR(KlDivergence(std::vector<float>{1000, 0}, std::vector<float>{0, 1000}), 1000, 1e-3);
}

TEST_F(InspectTest, AFullCacheDoesNotDiverge) {
  int steps = 0;
  const auto summary = MeasureDivergence(*backend_, vocab(), layers(), prompt_, Make("full+null", {}), 20, {},
                                         [&](const DivergenceStep& step) {
                                           EXPECT_EQ(step.kl_nats, 0);
                                           EXPECT_EQ(step.attention_error, std::vector<double>(3, 0.0));
                                           ++steps;
                                         });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(steps, 20);
  EXPECT_EQ(summary->top1_agreement, 1);
  EXPECT_EQ(summary->first_departure, -1);
}

// Nothing is evicted before step 12, so the first 12 steps agree exactly; a smaller window diverges more.
TEST_F(InspectTest, DivergenceBeginsWithTheFirstEviction) {
  const auto run = [&](int window, std::vector<DivergenceStep>* all) {
    const auto summary =
        MeasureDivergence(*backend_, vocab(), layers(), prompt_,
                          Make("full+slide", {.window = window, .recent = 4, .max_new = 100}), 60, {},
                          [&](const DivergenceStep& step) { all->push_back(step); });
    EXPECT_TRUE(summary.ok()) << summary.status();
    return *summary;
  };
  std::vector<DivergenceStep> wide, narrow;
  const DivergenceSummary wide_summary = run(40, &wide), narrow_summary = run(12, &narrow);
  for (int step = 0; step <= 12; ++step) EXPECT_EQ(narrow[static_cast<size_t>(step)].kl_nats, 0) << step;
  EXPECT_GT(narrow[20].kl_nats, 0);
  EXPECT_GT(narrow[20].attention_error[0], 0);
  EXPECT_GT(narrow_summary.mean_kl_nats, wide_summary.mean_kl_nats);
  double sum = 0;
  for (const DivergenceStep& step : narrow) sum += step.kl_nats;
  EXPECT_NEAR(narrow_summary.mean_kl_nats, sum / 60, 1e-12);
}

TEST_F(InspectTest, AttentionRowsAreDistributionsOverAllPositions) {
  int rows = 0;
  const std::vector<int> layers = {0, 2};
  const absl::Status status =
      StreamAttention(*backend_, vocab(), prompt_, layers, 5, [&](const AttentionRow& row) {
        EXPECT_EQ(row.layer, layers[static_cast<size_t>(rows % 2)]);
        EXPECT_EQ(row.attention.size(), prompt_.size() + static_cast<size_t>(row.step) + 1);
        EXPECT_NEAR(std::accumulate(row.attention.begin(), row.attention.end(), 0.0), 1, 1e-5);
        ++rows;
      });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(rows, 10);
}

TEST_F(InspectTest, HeavyHittersHoldMoreThanTheirShare) {
  const auto found = FindHeavyHitters(*backend_, vocab(), prompt_, {.layers = {0, 1}, .steps = {0, 19}});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 4u);
  for (const HeavyHitters& hitters : *found) {
    EXPECT_EQ(hitters.keys, 41 + hitters.step);
    EXPECT_EQ(hitters.positions.size(), static_cast<size_t>(0.15 * hitters.keys));
    EXPECT_GT(hitters.attention_held, 0.15);
    EXPECT_LE(hitters.attention_held, 1);
    const auto in_prompt =
        std::count_if(hitters.positions.begin(), hitters.positions.end(), [](int p) { return p < 40; });
    EXPECT_EQ(hitters.in_prompt, in_prompt);
  }
}

// Held = all ever seen less all given up; never more than asked for.
TEST_F(InspectTest, TheLedgerBalances) {
  const Method method =
      Make("snapkv+slide", {.prefill = 20, .observation = 4, .window = 12, .recent = 4, .max_new = 40});
  std::map<std::pair<int, int>, std::set<int>> held;
  std::map<std::pair<int, int>, int> evicted;
  int rows = 0;
  const LedgerOptions options{
      .vocab = vocab(), .layers = 3, .heads = 2, .query_heads = 4, .slot_bytes = 64, .steps = 30};
  const absl::Status status = StreamLedger(*backend_, prompt_, method, options, [&](const LedgerRow& row) {
    std::set<int>& positions = held[{row.layer, row.head}];
    if (row.step < 0) {
      for (int position = 0; position < 40; ++position) positions.insert(position);
    } else {
      positions.insert(40 + row.step);
    }
    for (int position : row.evicted) EXPECT_EQ(positions.erase(position), 1u) << "position " << position;
    EXPECT_EQ(static_cast<int>(positions.size()), row.tokens);
    EXPECT_LE(row.tokens, row.requested_tokens);
    EXPECT_EQ(row.evicted_attention.size(), row.step < 0 ? 0 : row.evicted.size());
    EXPECT_EQ(row.kv_bytes, static_cast<size_t>(row.tokens) * 64);
    ++rows;
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(rows, 31 * 3 * 2);
  EXPECT_EQ((held[{0, 0}].size()), 32u);
}

// A policy that accumulates keeps a float for each token; one that is in no registry is accounted for like
// any other.
TEST_F(InspectTest, TheLedgerCountsScoresOfAPolicyOfItsOwn) {
  static constexpr DecodePolicy kHittersOfTheOutput = {.name = "hitters-of-the-output",
                                                       .rank = DecodePolicy::Rank::kAccumulatedAttention,
                                                       .protects_prefill = true};
  Method method = Make("full+slide", {.window = 12, .recent = 4, .max_new = 40});
  method.decode = &kHittersOfTheOutput;
  const LedgerOptions options{
      .vocab = vocab(), .layers = 3, .heads = 2, .query_heads = 4, .slot_bytes = 64, .steps = 30};
  size_t evicted = 0;
  const absl::Status status = StreamLedger(*backend_, prompt_, method, options, [&](const LedgerRow& row) {
    EXPECT_EQ(row.score_bytes, static_cast<size_t>(row.tokens) * 4);
    EXPECT_LE(row.tokens, row.requested_tokens);
    evicted += row.evicted.size();
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(evicted, 18u * 3 * 2);
}

}  // namespace
}  // namespace kvscope
