// A result that changed after it was written: every command that reads it names the file and ends with exit
// code 4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "eval/testing/run_program.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/seal.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr int kIncomplete = 4;
constexpr int kFlipsAFile = 12;

const std::vector<std::string> kCell = {"run",      "--model",     "arith-tiny", "--task",  "arith+",
                                        "--quiet",  "--questions", "8",          "--limit", "2",
                                        "--method", "full",        "--batch",    "2",       "--out"};

class DamageTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new TemporaryFolder();
    ::setenv("KVSCOPE_CACHE", (*folder_ / "cache").c_str(), 1);
    ASSERT_EQ(RunKvscope(Cell(*folder_ / "sound")).exit_code, 0);
  }
  static void TearDownTestSuite() { delete folder_; }

  void SetUp() override {
    std::filesystem::remove_all(run_);
    std::filesystem::copy(*folder_ / "sound", run_, std::filesystem::copy_options::recursive);
  }

  static std::vector<std::string> Cell(const std::string& out) {
    std::vector<std::string> arguments = kCell;
    arguments.push_back(out);
    return arguments;
  }
  // Every command that reads a run.
  std::vector<std::vector<std::string>> Readers() const {
    return {{"score", run_},
            {"report", run_, "-o", "csv"},
            {"verify", "scope_acl2025", "--runs", run_},
            {"compare", run_, *folder_ / "sound"},
            {"compare", *folder_ / "sound", run_, "--gate", "regression"},
            Cell(run_)};
  }
  void ExpectRefused(const std::vector<std::string>& command, const std::string& file) const {
    const ProgramResult result = RunKvscope(command);
    EXPECT_EQ(result.exit_code, kIncomplete) << command[0] << result.out << result.err;
    EXPECT_THAT(result.out + result.err, HasSubstr(file)) << command[0];
  }

  static TemporaryFolder* folder_;
  const std::string run_ = *folder_ / "damaged";
};

TemporaryFolder* DamageTest::folder_ = nullptr;

TEST_F(DamageTest, ARunThatIsSoundIsRead) {
  for (const auto& command : Readers()) EXPECT_EQ(RunKvscope(command).exit_code, 0) << command[0];
}

TEST_F(DamageTest, EveryReaderRefusesAFlippedBitOfEveryFile) {
  std::mt19937 random(3);
  for (const std::string_view file : {kRunFile, kPromptsFile, kSamplesFile, kScoresFile, kTimingFile}) {
    const std::string path = RunPath(run_, file), content = *ReadFile(path);
    const auto readers = Readers();
    for (int flip = 0; flip < kFlipsAFile; ++flip) {
      std::string flipped = content;
      const size_t bit = random() % (8 * content.size());
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      std::ofstream(path, std::ios::binary) << flipped;
      ExpectRefused(readers[static_cast<size_t>(flip) % readers.size()], std::string(file));
      std::ofstream(path, std::ios::binary) << content;
    }
  }
}

TEST_F(DamageTest, MessagesNameFileExpectedAndFound) {
  const std::string path = RunPath(run_, kSamplesFile);
  std::ofstream(path, std::ios::app) << "\n";
  for (const auto& command : Readers()) {
    const ProgramResult result = RunKvscope(command);
    EXPECT_THAT(result.out + result.err,
                AllOf(HasSubstr(path + ": sha256: expected "), HasSubstr(", found ")));
  }
}

TEST_F(DamageTest, AMissingSampleIsNoCompleteRun) {
  nlohmann::json run = *ReadSealedFile(RunPath(run_, kRunFile));
  run["files"].erase(std::string(kSamplesFile));
  ASSERT_TRUE(WriteSealedFile(RunPath(run_, kRunFile), run).ok());
  const std::string path = RunPath(run_, kSamplesFile), samples = *ReadFile(path);
  std::ofstream(path) << samples.substr(samples.find('\n') + 1);
  for (const auto& command : Readers()) {
    if (command[0] == "run") continue;
    const ProgramResult result = RunKvscope(command);
    EXPECT_EQ(result.exit_code, kIncomplete) << command[0];
    EXPECT_THAT(result.out + result.err, HasSubstr("a complete run: expected 2 samples, found 1"));
  }
}

TEST_F(DamageTest, ScoringWritesDamagedScoresAnew) {
  const std::string path = RunPath(run_, kScoresFile), sound = *ReadFile(path);
  std::ofstream(path, std::ios::app) << "x";
  ExpectRefused({"score", run_}, std::string(kScoresFile));
  EXPECT_EQ(*ReadFile(path), sound);
  EXPECT_EQ(RunKvscope({"score", run_}).exit_code, 0);
}

TEST_F(DamageTest, AFlippedBitInTheLinesOfAPartialRunIsRefusedOnResumption) {
  std::filesystem::remove_all(run_);
  nlohmann::json run = *ReadSealedFile(RunPath(*folder_ / "sound", kRunFile));
  std::filesystem::copy(*folder_ / "sound", run_, std::filesystem::copy_options::recursive);
  run["status"] = "partial";
  run["files"].erase(std::string(kSamplesFile));
  ASSERT_TRUE(WriteSealedFile(RunPath(run_, kRunFile), run).ok());
  const std::string path = RunPath(run_, kSamplesFile);
  std::string samples = *ReadFile(path);
  samples.resize(samples.find('\n') + 1);
  const size_t digit = samples.find("\"output_tokens\":") + 16;
  samples[digit] = static_cast<char>(samples[digit] ^ 1);
  std::ofstream(path) << samples;
  ExpectRefused(Cell(run_), "samples.jsonl:1: seal: expected ");
  ExpectRefused({"score", run_}, "samples.jsonl:1: seal: expected ");
}

}  // namespace
}  // namespace kvscope
