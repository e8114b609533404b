// The reading of NVML, by a library that stands for it (fake_nvml.cc).
#include "eval/run/gpu_state.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace kvscope {
namespace {

using nlohmann::json;

json Read(const char* behaviour, const std::string& bus = "0000:3b:00.0") {
  EXPECT_EQ(::setenv("FAKE_NVML", behaviour, /*overwrite=*/1), 0);
  return ReadGpuState(bus, KVSCOPE_FAKE_NVML);
}

TEST(GpuState, TellsClocksPowerAndWhatHoldsThemDown) {
  EXPECT_EQ(Read(""), json({{"driver", "570.1"},
                            {"sm_clock_mhz", 1980},
                            {"memory_clock_mhz", 3201},
                            {"power_limit_w", 700.0},
                            {"power_w", 412.5},
                            {"temperature_c", 61},
                            {"throttle_reasons", json::array()}}));
  EXPECT_EQ(Read("throttle=0x44")["throttle_reasons"], json({"power_cap", "hardware_thermal"}));
  EXPECT_EQ(Read("throttle=0x10001")["throttle_reasons"], json({"idle", "0x10000"}));
}

TEST(GpuState, AFieldThatTheGpuDoesNotHaveIsNullWithItsReason) {
  const json state = Read("no_power");
  EXPECT_TRUE(state["power_limit_w"].is_null());
  EXPECT_TRUE(state["power_w"].is_null());
  EXPECT_EQ(state["sm_clock_mhz"], 1980);
  EXPECT_EQ(state["missing"], json({{"power_limit_w", "nvmlDeviceGetEnforcedPowerLimit: Not Supported"},
                                    {"power_w", "nvmlDeviceGetPowerUsage: Not Supported"}}));
}

TEST(GpuState, WithoutTheLibraryOrTheGpuAllIsNull) {
  json state = ReadGpuState("0000:3b:00.0", "libno-such-nvml.so.1");
  EXPECT_EQ(state["missing"], json({{"all", "libno-such-nvml.so.1 could not be loaded"}}));
  EXPECT_TRUE(state["sm_clock_mhz"].is_null());
  state = Read("no_init");
  EXPECT_EQ(state["missing"], json({{"all", "nvmlInit_v2: Driver Not Loaded"}}));
  EXPECT_TRUE(state["driver"].is_null());
  state = Read("", "0000:ff:00.0");
  EXPECT_EQ(state["missing"], json({{"all", "nvmlDeviceGetHandleByPciBusId_v2: Not Found"}}));
  EXPECT_EQ(state["driver"], "570.1");
  EXPECT_TRUE(state["throttle_reasons"].is_null());
}

TEST(GpuState, ALibraryThatIsNotNvmlIsRefused) {
  EXPECT_EQ(ReadGpuState("0000:3b:00.0", "libc.so.6")["missing"],
            json({{"all", "the library has no nvmlInit_v2"}}));
}

}  // namespace
}  // namespace kvscope
