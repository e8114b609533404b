#include "eval/cli/exit_code.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

TEST(ExitCode, FollowsTheContract) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), ExitCode::kDone);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::OutOfRangeError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("")), ExitCode::kUsage);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("")), ExitCode::kAbsent);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("")), ExitCode::kAbsent);
  EXPECT_EQ(ExitCodeOf(absl::UnimplementedError("")), ExitCode::kAbsent);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("")), ExitCode::kAbsent);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("")), ExitCode::kIncomplete);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("")), ExitCode::kIncomplete);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), ExitCode::kIncomplete);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("")), ExitCode::kIncomplete);
}

}  // namespace
}  // namespace kvscope
