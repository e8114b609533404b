#include "kernels/cpu/cpu_level.h"

#include <gtest/gtest.h>

#include "hwy/targets.h"

namespace kvscope {
namespace {

TEST(CpuLevel, NamesAreReadBack) {
  for (int level = 0; level <= static_cast<int>(CpuLevel::kAmx); ++level)
    EXPECT_EQ(ParseCpuLevel(Name(static_cast<CpuLevel>(level))), static_cast<CpuLevel>(level));
  EXPECT_EQ(ParseCpuLevel("avx1024"), std::nullopt);
  EXPECT_EQ(ParseCpuLevel(""), std::nullopt);
}

TEST(CpuLevel, UsableLevelsEndWithTheDetectedOne) {
  const std::vector<CpuLevel> levels = UsableLevels();
  ASSERT_FALSE(levels.empty());
  EXPECT_EQ(levels.front(), CpuLevel::kPortable);
  EXPECT_EQ(levels.back(), DetectedLevel());
}

// Another library's opinion of the same machine.
TEST(CpuLevel, AgreesWithHighway) {
#if defined(__x86_64__)
  const int64_t supported = hwy::SupportedTargets();
  EXPECT_EQ(DetectedLevel() >= CpuLevel::kAvx2, (supported & HWY_AVX2) != 0);
  EXPECT_GE(DetectedLevel(), (supported & HWY_AVX3_DL) != 0 ? CpuLevel::kAvx512Vnni : CpuLevel::kPortable);
  EXPECT_LE(DetectedLevel(), (supported & HWY_AVX3) != 0 ? CpuLevel::kAmx : CpuLevel::kAvx2);
#else
  EXPECT_EQ(DetectedLevel(), CpuLevel::kPortable);
#endif
}

TEST(CpuLevel, AScopeSetsItAndNeverAboveTheDetectedOne) {
  const CpuLevel before = CurrentLevel();
  {
    const ScopedCpuLevel scope(CpuLevel::kPortable);
    EXPECT_EQ(CurrentLevel(), CpuLevel::kPortable);
  }
  {
    const ScopedCpuLevel scope(CpuLevel::kAmx);
    EXPECT_EQ(CurrentLevel(), DetectedLevel());
  }
  EXPECT_EQ(CurrentLevel(), before);
}

}  // namespace
}  // namespace kvscope
