#include "results/base/append_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "results/base/file.h"

namespace kvscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AppendLogTest : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "append_log_test_" + std::to_string(::getpid()); }
  void TearDown() override { std::filesystem::remove(path_); }

  absl::StatusOr<std::unique_ptr<AppendLog>> Open() {
    lines_.clear();
    return AppendLog::Open(path_, [this](std::string_view line, const std::string& where) {
      lines_.push_back(where.substr(where.rfind(':') + 1) + " " + std::string(line));
      return absl::OkStatus();
    });
  }

  std::string path_;
  std::vector<std::string> lines_;
};

TEST_F(AppendLogTest, WhatWasAppendedIsReadAgain) {
  auto log = *Open();
  EXPECT_TRUE(lines_.empty());
  ASSERT_TRUE(log->Append("a").ok());
  ASSERT_TRUE(log->Append("").ok());
  log = *Open();
  ASSERT_TRUE(log->Append("c").ok());
  EXPECT_THAT(lines_, ElementsAre("1 a", "2 "));
  EXPECT_EQ(*ReadFile(path_), "a\n\nc\n");
}

TEST_F(AppendLogTest, ATornLastLineIsCutOff) {
  std::ofstream(path_) << "a\nb";
  auto log = *Open();
  ASSERT_TRUE(log->Append("c").ok());
  EXPECT_THAT(lines_, ElementsAre("1 a"));
  EXPECT_EQ(*ReadFile(path_), "a\nc\n");
}

TEST_F(AppendLogTest, ALineThatIsRefusedChangesNothing) {
  std::ofstream(path_) << "bad\nb";
  const auto log = AppendLog::Open(path_, [](std::string_view, const std::string& where) {
    return absl::DataLossError(where + ": no record");
  });
  EXPECT_THAT(std::string(log.status().message()), HasSubstr(":1: no record"));
  EXPECT_EQ(*ReadFile(path_), "bad\nb");
}

// The limit on a file's size stands for a full disk: a write that begins below it is cut short there.
TEST_F(AppendLogTest, WhatAFullDiskTookOfALineIsCutOffAgain) {
  auto log = *Open();
  ASSERT_TRUE(log->Append("first").ok());
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit full = {.rlim_cur = 10, .rlim_max = limit.rlim_max};
  const auto old = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
  const absl::Status status = log->Append("second");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, old);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(status.message()), HasSubstr("disk full"));
  EXPECT_EQ(*ReadFile(path_), "first\n");
  ASSERT_TRUE(log->Append("second").ok());
  EXPECT_EQ(*ReadFile(path_), "first\nsecond\n");
}

TEST_F(AppendLogTest, ReadOnlyEveryProblemIsTold) {
  std::ofstream(path_) << "good\nbad\ngood\ntorn";
  int good = 0;
  std::vector<std::string> problems;
  const absl::Status status = ReadLog(
      path_,
      [&](std::string_view line, const std::string& where) {
        if (line == "bad") return absl::DataLossError(where + ": bad");
        ++good;
        return absl::OkStatus();
      },
      [&](std::string message) { problems.push_back(std::move(message)); });
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(good, 2);
  EXPECT_THAT(problems, ElementsAre(HasSubstr(":2: bad"), HasSubstr("torn")));
}

}  // namespace
}  // namespace kvscope
