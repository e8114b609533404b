// One score a slot from several query heads' exponentials, against loops.
#include "kernels/cuda/group_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

class GroupScoresTest : public DeviceTest {
 protected:
  std::vector<float> Random(size_t n) {
    std::uniform_real_distribution<float> uniform(0.0f, 1.0f);
    std::vector<float> values(n);
    for (float& value : values) value = uniform(random_);
    return values;
  }
  std::mt19937 random_{31};
};

TEST_F(GroupScoresTest, AgreesWithLoops) {
  // Two heads: three queries over two splits, then one query over a few slots.
  const std::vector<AttentionRow> rows = {{300, 0, 0}, {300, 2, 300}, {300, 4, 600}, {5, 6, 900}};
  const std::vector<float> exponentials = Random(905), factors = Random(7), before = Random(300);
  const auto probability = [&](size_t row, size_t slot) {
    return exponentials[rows[row].first_probability + slot] *
           factors[rows[row].first_partial + slot / kSplitSlots];
  };
  for (const GroupFold fold : {GroupFold::kMean, GroupFold::kMax, GroupFold::kSum}) {
    for (const bool accumulate : {false, true}) {
      std::vector<float> expected(300);
      for (size_t slot = 0; slot < 300; ++slot) {
        const float a = probability(0, slot), b = probability(1, slot), c = probability(2, slot);
        const float sum = a + b + c;
        expected[slot] = fold == GroupFold::kMax   ? std::max({a, b, c})
                         : fold == GroupFold::kSum ? sum
                                                   : sum * (1.0f / 3.0f);
        if (accumulate) expected[slot] += before[slot];
      }
      ForEachOrder([&] {
        DeviceArray<AttentionRow> device_rows(rows);
        DeviceArray<float> device_exponentials(exponentials), device_factors(factors), accumulated(before);
        DeviceArray<float> scores(300), few(5);
        DeviceArray<GroupScoreItem> items(std::vector<GroupScoreItem>{
            {0, 3, fold, accumulate ? accumulated.data() : nullptr, scores.data()},
            {3, 1, fold, nullptr, few.data()}});
        EXPECT_CUDA_OK(GroupScoresOnDevice(
            {device_rows.data(), device_exponentials.data(), device_factors.data(), items.data(), 2},
            nullptr));
        // A device may fuse a product and its addition.
        EXPECT_THAT(scores.ToHost(), testing::Pointwise(testing::FloatEq(), expected));
        EXPECT_EQ(accumulated.ToHost(), accumulate ? scores.ToHost() : before);
        for (size_t slot = 0; slot < 5; ++slot) EXPECT_EQ(few.ToHost()[slot], probability(3, slot));
      });
    }
  }
}

TEST_F(GroupScoresTest, RefusesWrongParameters) {
  DeviceArray<AttentionRow> rows(1);
  DeviceArray<float> floats(1);
  DeviceArray<GroupScoreItem> items(1);
  EXPECT_EQ(GroupScoresOnDevice({rows.data(), floats.data(), floats.data(), nullptr, 1}, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(GroupScoresOnDevice({nullptr, floats.data(), floats.data(), items.data(), 1}, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(GroupScoresOnDevice({rows.data(), nullptr, floats.data(), items.data(), 1}, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(GroupScoresOnDevice({nullptr, nullptr, nullptr, nullptr, 0}, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
