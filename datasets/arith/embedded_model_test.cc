#include "datasets/arith/embedded_model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "results/base/file.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

class EmbeddedModelTest : public testing::Test {
 protected:
  void SetUp() override {
    cache_ = testing::TempDir() + "kvscope_embedded_model_test_" + std::to_string(::getpid());
  }
  void TearDown() override { std::filesystem::remove_all(cache_); }

  std::string cache_;
};

TEST_F(EmbeddedModelTest, ExtractsEveryFileWhole) {
  const auto folder = ExtractArithModel(cache_);
  ASSERT_TRUE(folder.ok()) << folder.status();
  ASSERT_EQ(ArithModelFiles().size(), 3u);
  for (const EmbeddedFile& file : ArithModelFiles()) {
    EXPECT_EQ(*ReadFile(*folder + "/" + std::string(file.name)), file.content) << file.name;
    EXPECT_FALSE(file.content.empty());
  }
  EXPECT_EQ((*ReadJsonFile(*folder + "/config.json"))["model_type"], "llama");
  EXPECT_EQ(*ExtractArithModel(cache_), *folder);
}

TEST_F(EmbeddedModelTest, RestoresADamagedFile) {
  const std::string path = *ExtractArithModel(cache_) + "/model.safetensors";
  std::filesystem::resize_file(path, 100);
  ASSERT_TRUE(ExtractArithModel(cache_).ok());
  EXPECT_EQ(*ReadFile(path), ArithModelFiles()[0].content);
}

TEST_F(EmbeddedModelTest, ACacheThatIsAFileIsUnavailable) {
  ASSERT_TRUE(WriteFileAtomically(cache_, "x").ok());
  EXPECT_EQ(ExtractArithModel(cache_).status().code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace kvscope
