#include "eval/sweep/worker_devices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kvscope {
namespace {

using testing::ElementsAre;

TEST(WorkerDevices, AreOrdinalsAmongThoseThatAreVisible) {
  EXPECT_THAT(*WorkerDevices("0", ""), ElementsAre("0"));
  EXPECT_THAT(*WorkerDevices("3,0", ""), ElementsAre("3", "0"));
  EXPECT_THAT(*WorkerDevices("1,0", "5,GPU-7a"), ElementsAre("GPU-7a", "5"));
}

TEST(WorkerDevices, RefuseWhatIsNoListOfThem) {
  for (const char* list : {"", "0,", ",0", "a", "0;1", "-1", "1x", " 1", "0,0", "99999999999"})
    EXPECT_EQ(WorkerDevices(list, "").status().code(), absl::StatusCode::kInvalidArgument) << list;
  EXPECT_EQ(WorkerDevices("2", "0,1").status().message(),
            "--devices: expected 0 to 1 (CUDA_VISIBLE_DEVICES is '0,1'), found 2");
}

}  // namespace
}  // namespace kvscope
