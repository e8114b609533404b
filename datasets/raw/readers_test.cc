#include "datasets/raw/readers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "results/base/file.h"

namespace kvscope {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReadersTest : public testing::Test {
 protected:
  void SetUp() override { path_ = testing::TempDir() + "kvscope_readers_test_" + std::to_string(::getpid()); }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string& Write(std::string_view content) {
    EXPECT_TRUE(WriteFileAtomically(path_, content).ok());
    return path_;
  }

  template <typename Result>
  static void ExpectError(const Result& result, const std::string& message) {
    EXPECT_EQ(result.status().code(), absl::StatusCode::kDataLoss) << message;
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(message));
  }

  std::string path_;
};

constexpr std::string_view kCsqa =
    R"({"question": "Where?", "answerKey": "C", "choices": {"label": ["A","B","C","D","E"], )";

TEST_F(ReadersTest, Gsm8k) {
  const auto examples = ReadGsm8k(Write("{\"question\": \"q\", \"answer\": \"w\\n#### 1,000\"}\n"));
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->at(0).question, "q");
  EXPECT_EQ(examples->at(0).answer, "w\n#### 1,000");
  ExpectError(ReadGsm8k(Write("{\"question\": \"q\"}\n")),
              "record 0: answer: expected a string, found nothing");
  ExpectError(ReadGsm8k(Write("[]\n")), "record 0: question");
  ExpectError(ReadGsm8k(Write("{\"question\": \"q\", \"answer\": 3}\n")),
              "answer: expected a string, found 3");
}

TEST_F(ReadersTest, Csqa) {
  const std::string good = std::string(kCsqa).append(R"("text": ["a","b","c","d","e"]}})");
  const auto examples = ReadCsqa(Write(good));
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->at(0).answer, "C");
  EXPECT_THAT(examples->at(0).options, ElementsAre("a", "b", "c", "d", "e"));
  ExpectError(ReadCsqa(Write(std::string(kCsqa).append(R"("text": ["a","b","c","d"]}})"))),
              "choices.text: expected five strings");
  ExpectError(ReadCsqa(Write(std::string(kCsqa).append(R"("text": ["a","b","c","d",5]}})"))),
              "choices.text: expected five strings");
  ExpectError(ReadCsqa(Write(R"({"question": "Where?", "answerKey": "C", "choices": 1})")), "choices.label");
  std::string letter = good;
  letter.replace(letter.find("\"C\""), 3, "\"F\"");
  ExpectError(ReadCsqa(Write(letter)), "answer: expected a letter from A to E, found F");
}

TEST_F(ReadersTest, Mmlu) {
  const auto examples = ReadMmlu(Write("\"One,\n\ntwo\",None,2,3,4,B\n"));
  ASSERT_TRUE(examples.ok()) << examples.status();
  EXPECT_EQ(examples->at(0).question, "One,\n\ntwo");
  EXPECT_THAT(examples->at(0).options, ElementsAre("None", "2", "3", "4"));
  EXPECT_EQ(examples->at(0).answer, "B");
  ExpectError(ReadMmlu(Write("q,1,2,3,4,A\nq,1,2,3,A\n")), "record 1: fields: expected 6, found 5");
  ExpectError(ReadMmlu(Write("q,1,2,3,4,E\n")), "answer: expected a letter from A to D, found E");
}

TEST_F(ReadersTest, MmluExamples) {
  EXPECT_EQ(ReadMmluExamples(Write(R"({"anatomy": "Q: x"})"))->at("anatomy"), "Q: x");
  ExpectError(ReadMmluExamples(Write("[1]")), "expected an object, found [1]");
  ExpectError(ReadMmluExamples(Write(R"({"anatomy": 1})")), "anatomy: expected a string, found 1");
}

}  // namespace
}  // namespace kvscope
