#include "results/repetitions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "results/run_store.h"

namespace kvscope {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class RepetitionsTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "repetitions_test_" + std::to_string(::getpid());
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::vector<std::string> problems_;
};

TEST_F(RepetitionsTest, AreReadAsWritten) {
  auto journal = *RepetitionJournal::Open(folder_);
  ASSERT_TRUE(journal->Append({.repetition = 0, .sample = "a", .time = {.decode_s = 2}}).ok());
  ASSERT_TRUE(journal->Append({.repetition = 1, .sample = "a", .time = {.decode_s = 3}}).ok());
  EXPECT_EQ(journal->Append({.repetition = 1, .sample = "a"}).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE((*RepetitionJournal::Open(folder_))->Has(1, "a"));
  EXPECT_FALSE(journal->Has(2, "a"));
  const auto read = *ReadRepetitions(folder_, problems_);
  ASSERT_THAT(read, SizeIs(2));
  EXPECT_EQ(read[1].repetition, 1);
  EXPECT_EQ(read[1].sample, "a");
  EXPECT_EQ(read[1].time.decode_s, 3);
  EXPECT_THAT(problems_, IsEmpty());
}

TEST_F(RepetitionsTest, NoFileIsNoRepetition) {
  EXPECT_THAT(*ReadRepetitions(folder_, problems_), IsEmpty());
}

TEST_F(RepetitionsTest, BadLinesAreNamed) {
  std::ofstream(RunPath(folder_, kRepetitionsFile))
      << "{\"repetition\":0,\"sample\":\"a\",\"time\":{\"prefill_s\":\"x\"}}\n";
  EXPECT_THAT(*ReadRepetitions(folder_, problems_), IsEmpty());
  EXPECT_THAT(problems_, ElementsAre(HasSubstr("repetitions.jsonl:1: time: field 'prefill_s'")));
  EXPECT_EQ(RepetitionJournal::Open(folder_).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace kvscope
