#include "results/base/seal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "results/base/jsonl.h"
#include "results/base/sha256.h"

namespace kvscope {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const json kObject = {{"schema", 2}, {"text", "a \"seal\": \"0\"}"}, {"values", {1, 2.5, nullptr}}};

TEST(Seal, IsTheLastFieldAndTheHashOfWhatIsBefore) {
  const std::string before = DumpJson(kObject).substr(0, DumpJson(kObject).size() - 1);
  EXPECT_EQ(SealedLine(kObject), before + ",\"seal\":\"" + Sha256Hex(before).substr(0, 16) + "\"}");
  for (const std::string& text : {SealedLine(kObject), SealedFile(kObject)}) {
    const json plain = json::parse(text);
    EXPECT_EQ(plain.at("seal").get<std::string>().size(), 16u) << "any reader of JSON can read it";
    const auto read = ParseSealed(text, "f");
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, kObject);
  }
}

TEST(Seal, EveryFlippedBitIsNoticed) {
  for (const std::string& text : {SealedLine(kObject), SealedFile(kObject)}) {
    for (size_t bit = 0; bit < 8 * text.size(); ++bit) {
      std::string flipped = text;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      EXPECT_EQ(ParseSealed(flipped, "f").status().code(), absl::StatusCode::kDataLoss) << flipped;
    }
  }
}

TEST(Seal, EveryOtherByteAndEveryShorterTextIsNoticed) {
  const std::string text = SealedLine(kObject);
  for (size_t i = 0; i < text.size(); ++i) {
    EXPECT_FALSE(ParseSealed(text.substr(0, i), "f").ok());
    for (int byte = 0; byte < 256; ++byte) {
      std::string changed = text;
      changed[i] = static_cast<char>(byte);
      EXPECT_EQ(ParseSealed(changed, "f").ok(), changed == text) << changed;
    }
  }
}

TEST(Seal, TheMessageSaysWhatWasExpectedAndFound) {
  std::string text = SealedLine({{"schema", 2}, {"x", 1}});
  const std::string found = json::parse(text).at("seal");
  text.replace(text.find("\"x\":1"), 5, "\"x\":2");
  const std::string expected = Sha256Hex("{\"schema\":2,\"x\":2").substr(0, 16);
  EXPECT_THAT(std::string(ParseSealed(text, "a.jsonl:3").status().message()),
              HasSubstr("a.jsonl:3: seal: expected " + expected + ", found " + found));
}

TEST(Seal, OnlyOlderTextsMayDoWithout) {
  EXPECT_TRUE(ParseSealed(R"({"schema": 1, "x": 2})", "f").ok());
  EXPECT_TRUE(ParseSealed(R"({"x": 2})", "f").ok());
  for (const char* text :
       {R"({"schema": 2, "x": 2})", R"({"schema": 1, "seal": "0"})", "[1]", "7", "", "{}x"})
    EXPECT_EQ(ParseSealed(text, "f").status().code(), absl::StatusCode::kDataLoss) << text;
}

}  // namespace
}  // namespace kvscope
