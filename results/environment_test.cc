#include "results/environment.h"

#include <gtest/gtest.h>

#include "results/build_info.h"

namespace kvscope {
namespace {

TEST(Environment, TheMachineIsDescribed) {
  const Machine machine = GetMachine();
  EXPECT_GE(machine.cores, 1);
  EXPECT_GT(machine.memory_bytes, uint64_t{64} << 20);
  EXPECT_EQ(machine.kernel.rfind("Linux ", 0), 0u);
  EXPECT_LE(AvailableMemoryBytes(), machine.memory_bytes);
  EXPECT_EQ(ToJson(machine).at("cores"), machine.cores);
}

TEST(Environment, ThePeakOfMemoryGrowsWithUse) {
  const uint64_t before = PeakResidentBytes();
  constexpr size_t kBytes = size_t{64} << 20;
  const std::string touched(before + kBytes, 'x');
  EXPECT_GE(PeakResidentBytes(), before + kBytes / 2) << touched.size();
}

TEST(BuildInfo, TheCommitIsWholeOrUnknown) {
  const BuildInfo info = GetBuildInfo();
  EXPECT_TRUE(info.commit.empty() || info.commit.size() == 40) << info.commit;
  EXPECT_EQ(ToJson(info).at("commit").is_null(), info.commit.empty());
  EXPECT_NE(VersionText().find(info.version), std::string::npos);
  EXPECT_FALSE(info.compiler.empty());
}

}  // namespace
}  // namespace kvscope
