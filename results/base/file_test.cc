#include "results/base/file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "results/base/jsonl.h"

namespace kvscope {
namespace {

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = testing::TempDir() + "kvscope_file_test_" + std::to_string(::getpid());
    ASSERT_TRUE(MakeFolder(folder_).ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string Path(const std::string& name) const { return folder_ + "/" + name; }

  std::string folder_;
};

TEST_F(FileTest, WhatIsWrittenIsRead) {
  const std::string content("line\n\0end", 9);
  ASSERT_TRUE(WriteFileAtomically(Path("a"), content).ok());
  EXPECT_EQ(*ReadFile(Path("a")), content);
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "new").ok());
  EXPECT_EQ(*ReadFile(Path("a")), "new");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1)
      << "a temporary file was left";
}

TEST_F(FileTest, WritingIntoAnAbsentFolderFailsAndNamesThePath) {
  const absl::Status status = WriteFileAtomically(Path("none/a"), "x");
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(std::string(status.message()).find("none/a"), std::string::npos);
}

TEST_F(FileTest, FoldersAndAbsentFilesAreNotFound) {
  EXPECT_EQ(ReadFile(folder_).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(Path("absent")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(Path("absent")).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(MappedFile::Open(folder_).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(FileTest, MapsTheWholeFileAndRefusesAnEmptyOne) {
  ASSERT_TRUE(WriteFileAtomically(Path("a"), "abc").ok());
  const auto mapped = MappedFile::Open(Path("a"));
  ASSERT_TRUE(mapped.ok());
  ASSERT_EQ((*mapped)->bytes().size(), 3u);
  EXPECT_EQ((*mapped)->bytes()[2], std::byte{'c'});
  std::ofstream(Path("empty")).close();
  EXPECT_EQ(MappedFile::Open(Path("empty")).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(FileTest, ABadJsonLineIsNamedByFileAndLine) {
  ASSERT_TRUE(WriteFileAtomically(Path("a.jsonl"), "{\"x\":1}\n\n{\"x\":\n").ok());
  const auto lines = ReadJsonLines(Path("a.jsonl"));
  EXPECT_EQ(lines.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(std::string(lines.status().message()).find("a.jsonl:3"), std::string::npos) << lines.status();
  ASSERT_TRUE(WriteFileAtomically(Path("b.jsonl"), "{\"x\":1}\n\n{\"x\":2}").ok());
  EXPECT_EQ(ReadJsonLines(Path("b.jsonl"))->size(), 2u);
}

TEST(DumpJson, ReplacesBytesThatAreNotUtf8) { EXPECT_EQ(DumpJson("a\xff"), "\"a\xEF\xBF\xBD\""); }

}  // namespace
}  // namespace kvscope
