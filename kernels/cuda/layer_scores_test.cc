#include "kernels/cuda/layer_scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

using testing::ElementsAre;

using LayerScoresTest = DeviceTest;

TEST_F(LayerScoresTest, IsTheMeanOverTheHeadsThatHoldAPosition) {
  ForEachOrder([] {
    DeviceArray<float> a(std::vector<float>{1, 2, 4}), b(std::vector<float>{8, 16});
    DeviceArray<int> in_a(std::vector<int>{5, 0, 3}), in_b(std::vector<int>{3, 4});
    DeviceArray<LayerScoreHead> heads(
        std::vector<LayerScoreHead>{{a.data(), in_a.data(), 3}, {b.data(), in_b.data(), 2}});
    DeviceArray<float> sums(6);
    DeviceArray<unsigned> holders(6);
    DeviceArray<LayerScoreItem> items(
        std::vector<LayerScoreItem>{{}, {heads.data(), 2, 6, sums.data(), holders.data()}});
    EXPECT_CUDA_OK(ShareLayerScoresOnDevice(items.data(), 2, nullptr));
    EXPECT_THAT(a.ToHost(), ElementsAre(1, 2, 6));
    EXPECT_THAT(b.ToHost(), ElementsAre(6, 16));
  });
}

TEST_F(LayerScoresTest, RefusesWrongParameters) {
  EXPECT_EQ(ShareLayerScoresOnDevice(nullptr, 1, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(ShareLayerScoresOnDevice(nullptr, 0, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
