#include "kernels/cuda/slot_states.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

using testing::ElementsAre;

using SlotStatesTest = DeviceTest;

// The new entry takes the lowest hole, the last ones move into the others: as HeadCache does.
TEST_F(SlotStatesTest, NewEntriesStartAtZeroAndMovedOnesKeepTheirScores) {
  ForEachOrder([] {
    DeviceArray<int> ranks(std::vector<int>{0, 1, 2, 3, 4}), positions(std::vector<int>{10, 11, 12, 13, 14});
    DeviceArray<float> accumulated(std::vector<float>{1, 2, 3, 4, 5});
    DeviceArray<int> other_ranks(std::vector<int>{7, 7});
    const SlotStates all{ranks.data(), positions.data(), accumulated.data()};
    DeviceArray<SlotEdit> edits(std::vector<SlotEdit>{{all, 0, SlotEdit::kNew, 5, 15},
                                                      {all, 2, 4, 4, 14},
                                                      {{other_ranks.data()}, 1, SlotEdit::kNew, 8, 99}});
    EXPECT_CUDA_OK(EditSlotStatesOnDevice(edits.data(), 3, nullptr));
    EXPECT_THAT(ranks.ToHost(), ElementsAre(5, 1, 4, 3, 4));
    EXPECT_THAT(positions.ToHost(), ElementsAre(15, 11, 14, 13, 14));
    EXPECT_THAT(accumulated.ToHost(), ElementsAre(0, 2, 5, 4, 5));
    EXPECT_THAT(other_ranks.ToHost(), ElementsAre(7, 8));
  });
}

TEST_F(SlotStatesTest, RefusesWrongParameters) {
  EXPECT_EQ(EditSlotStatesOnDevice(nullptr, 1, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(EditSlotStatesOnDevice(nullptr, 0, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
