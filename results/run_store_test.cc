#include "results/run_store.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "results/base/file.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

RunRecord SomeRun(int window = 64) {
  RunRecord run;
  run.config.model = "arith-tiny";
  run.config.window = window;
  run.data_sha256 = std::string(64, 'd');
  return run;
}

SampleRecord Sample(const std::string& name) {
  SampleRecord record;
  record.sample = name;
  return record;
}

class RunStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "kvscope_run_store_test_" + std::to_string(::getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<RunStore>> Open(const RunRecord& run = SomeRun()) {
    return RunStore::Open(folder_, run, {"a", "b", "c"}, "{}\n");
  }
  void AppendBytes(std::string_view bytes) {
    std::ofstream(RunPath(folder_, kSamplesFile), std::ios::app) << bytes;
  }
  std::string Samples() { return *ReadFile(RunPath(folder_, kSamplesFile)); }

  std::string folder_;
};

TEST_F(RunStoreTest, ARunIsPartialUntilEverySampleIsThere) {
  auto store = *Open();
  EXPECT_EQ(ReadRunFolder(folder_)->run.status, RunStatus::kPartial);
  ASSERT_TRUE(store->Append(Sample("a")).ok());
  ASSERT_TRUE(store->Append(Sample("c")).ok());
  EXPECT_EQ(store->SetStatus(RunStatus::kComplete, "", 1).code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(store->Append(Sample("b")).ok());
  ASSERT_TRUE(store->SetStatus(RunStatus::kComplete, "", 7).ok());
  const RunFolder read = *ReadRunFolder(folder_);
  EXPECT_EQ(read.run.status, RunStatus::kComplete);
  EXPECT_EQ(read.run.reason, "");
  EXPECT_EQ(read.run.samples_done, 3u);
  EXPECT_EQ(read.run.peak_rss_bytes, 7u);
  EXPECT_THAT(read.samples, SizeIs(3));
  EXPECT_EQ(*ReadFile(RunPath(folder_, kPromptsFile)), "{}\n");
}

TEST_F(RunStoreTest, ACompleteRunsRecordsStandInTheOrderOfItsSamples) {
  auto store = *Open();
  for (const char* sample : {"c", "a", "b"}) ASSERT_TRUE(store->Append(Sample(sample)).ok());
  ASSERT_TRUE(store->SetStatus(RunStatus::kComplete, "", 0).ok());
  std::vector<std::string> order;
  const RunFolder read = *ReadRunFolder(folder_);
  for (const SampleRecord& record : read.samples) order.push_back(record.sample);
  EXPECT_EQ(order, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_THAT(store->records(), SizeIs(3));
}

TEST_F(RunStoreTest, ARunIsResumedWhereItStopped) {
  {
    auto store = *Open();
    ASSERT_TRUE(store->Append(Sample("b")).ok());
  }
  auto store = *Open();
  EXPECT_TRUE(store->Has("b"));
  EXPECT_FALSE(store->Has("a"));
  EXPECT_THAT(store->run().resumed, SizeIs(1));
  EXPECT_EQ(store->Append(Sample("b")).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(store->Append(Sample("a")).ok());
}

TEST_F(RunStoreTest, SamplesThatEndedInAnErrorAreGeneratedAgain) {
  SampleRecord failed = Sample("b");
  failed.finish = FinishReason::kError;
  {
    auto store = *Open();
    for (const SampleRecord& record : {Sample("a"), failed, Sample("c")})
      ASSERT_TRUE(store->Append(record).ok());
    ASSERT_TRUE(store->SetStatus(RunStatus::kFailed, "memory", 0).ok());
  }
  auto store = *Open();
  EXPECT_TRUE(store->Has("a") && store->Has("c"));
  EXPECT_FALSE(store->Has("b"));
  EXPECT_EQ(Samples().find("\"b\""), std::string::npos);
  ASSERT_TRUE(store->Append(Sample("b")).ok());
  EXPECT_TRUE(store->SetStatus(RunStatus::kComplete, "", 0).ok());
}

TEST_F(RunStoreTest, WhoCountsOnFromAFailedSampleIsGeneratedAgainToo) {
  {
    auto store = *Open();
    for (const char* name : {"a", "b", "c"}) {
      SampleRecord record = Sample(name);
      record.published_counters = {1, 2, 3};
      if (record.sample == "b") record.finish = FinishReason::kError;
      ASSERT_TRUE(store->Append(record).ok());
    }
  }
  EXPECT_THAT((*Open())->records(), SizeIs(1));
}

TEST_F(RunStoreTest, AnotherConfigurationIsRefusedAndNothingIsChanged) {
  {
    auto store = *Open();
    ASSERT_TRUE(store->Append(Sample("a")).ok());
  }
  const std::string run = *ReadFile(RunPath(folder_, kRunFile)), samples = Samples();
  const auto other = Open(SomeRun(128));
  EXPECT_EQ(other.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("window: 64 there, 128 asked"));
  EXPECT_EQ(*ReadFile(RunPath(folder_, kRunFile)), run);
  EXPECT_EQ(Samples(), samples);
}

TEST_F(RunStoreTest, ATornLastLineIsDropped) {
  { ASSERT_TRUE((*Open())->Append(Sample("a")).ok()); }
  const std::string whole = Samples();
  AppendBytes("{\"sample\": \"b\", \"te");
  auto store = *Open();
  EXPECT_THAT(store->records(), SizeIs(1));
  EXPECT_EQ(Samples(), whole);
  EXPECT_TRUE(store->Append(Sample("b")).ok());
  EXPECT_THAT(ReadRunFolder(folder_)->problems, SizeIs(0));
}

TEST_F(RunStoreTest, ABadLineElsewhereIsAnErrorForTheWriterAndAProblemForTheReader) {
  { ASSERT_TRUE((*Open())->Append(Sample("a")).ok()); }
  AppendBytes("not json\n");
  const auto again = Open();
  EXPECT_EQ(again.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(again.status().message()), HasSubstr("samples.jsonl:2"));
  AppendBytes("{\"schema\": 1, \"sample\": 5}\n{\"schema\"");
  const RunFolder read = *ReadRunFolder(folder_);
  EXPECT_THAT(read.samples, SizeIs(1));
  ASSERT_THAT(read.problems, SizeIs(3));
  EXPECT_THAT(read.problems[1], HasSubstr("samples.jsonl:3: field 'sample'"));
  EXPECT_THAT(read.problems[2], HasSubstr("torn"));
}

TEST_F(RunStoreTest, ASecondRecordOfASampleIsAnError) {
  { ASSERT_TRUE((*Open())->Append(Sample("a")).ok()); }
  AppendBytes(Samples());
  EXPECT_THAT(std::string(Open().status().message()), HasSubstr("samples.jsonl:2: sample 'a' has a record"));
}

TEST_F(RunStoreTest, SamplesOfAnotherRunAreRefused) {
  auto store = *Open();
  EXPECT_EQ(store->Append(Sample("z")).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RunStoreTest, TwoWritersAreOneTooMany) {
  auto first = *Open();
  const auto second = Open();
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another process"));
  first.reset();
  EXPECT_TRUE(Open().ok());
}

TEST_F(RunStoreTest, RemainsWithoutARunFileAreNotOverwritten) {
  { ASSERT_TRUE((*Open())->Append(Sample("a")).ok()); }
  std::filesystem::remove(RunPath(folder_, kRunFile));
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(ReadRunFolder(folder_).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace kvscope
