#include "eval/cli/progress.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

TEST(ProgressLine, ShowsShareAndNote) {
  EXPECT_EQ(ProgressLine("run", 1, 2, "3 tokens", 80), "run [############            ]  50 % 3 tokens");
  EXPECT_EQ(ProgressLine("run", 0, 4, "", 80), "run [                        ]   0 %");
}

TEST(ProgressLine, MoreThanTheTotalIsTheTotal) {
  EXPECT_EQ(ProgressLine("x", 9, 3, "", 80), "x [########################] 100 %");
}

TEST(ProgressLine, AnUnknownTotalHasNoBar) { EXPECT_EQ(ProgressLine("get", 7, 0, "7 B", 80), "get 7 B"); }

TEST(ProgressLine, FitsTheTerminal) {
  EXPECT_EQ(ProgressLine("run", 1, 2, "a long note", 10).size(), 9u);
  EXPECT_EQ(ProgressLine("run", 1, 2, "a long note", 0), "");
}

}  // namespace
}  // namespace kvscope
