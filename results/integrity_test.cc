// A flipped bit in any file of a run's folder is noticed by whoever reads or resumes the run. One bit of
// every byte: seal_test flips all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/seal.h"
#include "results/base/sha256.h"
#include "results/repetitions.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::vector<std::string> kSamples = {"a", "b", "c"};
constexpr std::string_view kPrompts = "{\"sample\":\"a\"}\n{\"sample\":\"b\"}\n{\"sample\":\"c\"}\n";

class IntegrityTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "integrity_test_" + std::to_string(::getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<std::unique_ptr<RunStore>> Open() const {
    RunRecord run;
    run.config.model = "arith-tiny";
    return RunStore::Open(folder_, run, kSamples, kPrompts);
  }
  void WriteRun(size_t samples) const {
    auto store = *Open();
    for (size_t i = 0; i < samples; ++i) {
      SampleRecord record;
      record.sample = kSamples[i];
      record.text = fmt::format("Answer_1: {} \"\\\n", i);
      record.time = TimeRecord{.decode_s = 0.125};
      ASSERT_TRUE(store->Append(record).ok());
    }
    ASSERT_TRUE(WriteSealedFile(Path(kScoresFile), {{"schema", kRecordSchema}, {"score", 1.5}}).ok());
    ASSERT_TRUE(WriteSealedFile(Path(kTimingFile), {{"schema", kRecordSchema}, {"wall_s", 2}}).ok());
    auto repetitions = *RepetitionJournal::Open(folder_);
    for (const int repetition : {0, 1})
      ASSERT_TRUE(repetitions->Append({repetition, "a", {.decode_s = 0.125}}).ok());
    const bool complete = samples == kSamples.size();
    ASSERT_TRUE(store->SetStatus(complete ? RunStatus::kComplete : RunStatus::kPartial, "", 1).ok());
  }
  std::string Path(std::string_view file) const { return RunPath(folder_, file); }
  void Write(std::string_view file, const std::string& content) const {
    std::ofstream(Path(file), std::ios::binary) << content;
  }

  // What a reader of the whole folder says. Empty: all is well.
  std::vector<std::string> Complaints() const {
    const absl::StatusOr<RunFolder> run = ReadRunFolder(folder_);
    if (!run.ok()) return {std::string(run.status().message())};
    std::vector<std::string> complaints = run->problems;
    const auto repetitions = ReadRepetitions(folder_, complaints);
    if (!repetitions.ok()) complaints.emplace_back(repetitions.status().message());
    return complaints;
  }

  // One bit of every byte of every file, one at a time.
  void FlipBits() const {
    ASSERT_THAT(Complaints(), IsEmpty());
    size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
      ++files;
      const std::string name = entry.path().filename(), content = *ReadFile(entry.path());
      for (size_t byte = 0; byte < content.size(); ++byte) {
        std::string flipped = content;
        flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << byte % 8));
        Write(name, flipped);
        ASSERT_THAT(Complaints(), Contains(HasSubstr(name))) << "byte " << byte << " of " << name;
      }
      Write(name, content);
    }
    EXPECT_EQ(files, 6u);
    EXPECT_THAT(Complaints(), IsEmpty());
  }

  std::string folder_;
};

TEST_F(IntegrityTest, AFlippedBitOfACompleteRunIsNoticed) {
  WriteRun(3);
  FlipBits();
}

TEST_F(IntegrityTest, AFlippedBitOfAPartialRunIsNoticed) {
  WriteRun(2);
  FlipBits();
}

// A flip of the last newline makes a line torn, which is cut off and generated again: nothing wrong is kept.
TEST_F(IntegrityTest, NoFlippedBitIsResumedFrom) {
  WriteRun(2);
  for (const std::string_view file : {kRunFile, kPromptsFile, kSamplesFile}) {
    const std::string content = *ReadFile(Path(file));
    for (size_t byte = 0; byte < content.size(); ++byte) {
      std::string flipped = content;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << byte % 8));
      Write(file, flipped);
      const auto store = Open();
      const bool torn = file == kSamplesFile && byte == content.size() - 1;
      if (torn) {
        ASSERT_TRUE(store.ok()) << store.status();
        EXPECT_THAT((*store)->records(), SizeIs(1));
      } else {
        ASSERT_EQ(store.status().code(), absl::StatusCode::kDataLoss) << "byte " << byte << " of " << file;
      }
      Write(file, content);
    }
  }
  EXPECT_TRUE(Open().ok());
}

TEST_F(IntegrityTest, TheMessageNamesFileAndHashes) {
  WriteRun(3);
  const std::string samples = *ReadFile(Path(kSamplesFile)), changed = samples + "\n";
  Write(kSamplesFile, changed);
  EXPECT_THAT(Complaints(), Contains(fmt::format("{}: sha256: expected {}, found {}", Path(kSamplesFile),
                                                 Sha256Hex(samples), Sha256Hex(changed))));
  std::filesystem::remove(Path(kSamplesFile));
  EXPECT_THAT(Complaints(), Contains(HasSubstr("samples.jsonl: sha256: expected")));
}

// A run of before there were seals and hashes.
TEST_F(IntegrityTest, ACompleteRunWithoutOneOfItsSamplesIsRefused) {
  WriteRun(3);
  nlohmann::json run = *ReadSealedFile(Path(kRunFile));
  run["schema"] = 1;
  run.erase("files");
  Write(kRunFile, DumpJson(run));
  EXPECT_THAT(Complaints(), IsEmpty());
  const std::string samples = *ReadFile(Path(kSamplesFile));
  Write(kSamplesFile, samples.substr(samples.find('\n') + 1));
  EXPECT_THAT(Complaints(), Contains(HasSubstr("a complete run: expected 3 samples, found 2")));
}

}  // namespace
}  // namespace kvscope
