#include "datasets/prompt_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "datasets/arith/arith.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

using testing::HasSubstr;

class PromptFileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "kvscope_prompt_file_test_" + std::to_string(::getpid());
    ASSERT_TRUE(MakeFolder(folder_).ok());
    path_ = folder_ + "/p.jsonl";
    set_ = Set(1);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static PromptSet Set(uint64_t seed) {
    PromptSet set;
    set.prompts = *GenerateArith({.questions = 8, .prompts = 3, .seed = seed});
    set.manifest.task = "arith+";
    set.manifest.seed = seed;
    return set;
  }

  std::string folder_;
  std::string path_;
  PromptSet set_;
};

TEST_F(PromptFileTest, EachLineIsAPrompt) {
  ASSERT_TRUE(WritePromptFile(set_, path_, /*overwrite=*/false).ok());
  const auto lines = ReadJsonLines(path_);
  ASSERT_TRUE(lines.ok()) << lines.status();
  ASSERT_EQ(lines->size(), 3u);
  EXPECT_EQ(PromptFromJson(lines->at(2), "p")->Hash(), set_.prompts[2].Hash());
  EXPECT_EQ((*ReadJsonFile(ManifestPath(path_)))["task"], "arith+");
}

TEST_F(PromptFileTest, OtherContentIsReplacedOnlyWhenAskedFor) {
  ASSERT_TRUE(WritePromptFile(set_, path_, false).ok());
  EXPECT_TRUE(WritePromptFile(set_, path_, false).ok()) << "the same again";
  const absl::Status status = WritePromptFile(Set(2), path_, false);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(status.message()), HasSubstr("p.jsonl"));
  EXPECT_EQ((*ReadJsonFile(ManifestPath(path_)))["seed"], 1);
  EXPECT_TRUE(WritePromptFile(Set(2), path_, true).ok());
  EXPECT_EQ((*ReadJsonFile(ManifestPath(path_)))["seed"], 2);
}

TEST_F(PromptFileTest, AnotherManifestAloneStopsIt) {
  ASSERT_TRUE(WriteFileAtomically(ManifestPath(path_), "{}").ok());
  EXPECT_EQ(WritePromptFile(set_, path_, false).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_FALSE(std::filesystem::exists(path_)) << "nothing is written";
}

}  // namespace
}  // namespace kvscope
