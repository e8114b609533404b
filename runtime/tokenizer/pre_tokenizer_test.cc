#include "runtime/tokenizer/pre_tokenizer.h"

#include <gtest/gtest.h>

#include <string>

#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/utf8.h"

namespace kvscope {
namespace {

using nlohmann::json;
using Words = std::vector<std::string_view>;

PreTokenizer Make(const char* description) {
  auto pre_tokenizer = PreTokenizer::FromJson(json::parse(description));
  EXPECT_TRUE(pre_tokenizer.ok()) << pre_tokenizer.status();
  return *std::move(pre_tokenizer);
}

absl::Status Error(const char* description) {
  return PreTokenizer::FromJson(json::parse(description)).status();
}

TEST(PreTokenizer, Gpt2Words) {
  const auto gpt2 = Make(R"({"type": "ByteLevel", "add_prefix_space": false})");
  EXPECT_EQ(gpt2.Split("Hello, it's 2026!  \n x"),
            (Words{"Hello", ",", " it", "'s", " 2026", "!", "  \n", " x"}));
  EXPECT_EQ(gpt2.Split("  "), Words{"  "});
  EXPECT_EQ(gpt2.Split("äöü ПРИВЕТ"), (Words{"äöü", " ПРИВЕТ"}));
  EXPECT_TRUE(gpt2.Split("").empty());
}

TEST(PreTokenizer, DigitsApartBeforeWords) {
  const auto smollm = Make(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": false}]})");
  EXPECT_EQ(smollm.Split("a 123b"), (Words{"a", " ", "1", "2", "3", "b"}));
  const auto together = Make(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Digits"}, {"type": "ByteLevel", "add_prefix_space": false}]})");
  EXPECT_EQ(together.Split("a 123b"), (Words{"a", " ", "123", "b"}));
}

TEST(PreTokenizer, SplitPatternOfLlama3) {
  const auto llama3 = Make(R"~({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false, "pattern": {"Regex":
       "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})~");
  EXPECT_EQ(llama3.Split("IT'S 12345 (x)\n\n y"),
            (Words{"IT", "'S", " ", "123", "45", " (", "x", ")\n\n", " y"}));
}

TEST(PreTokenizer, WhatTheRegexLeavesOutIsKept) {
  const auto letters = Make(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "[a-z]*"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  EXPECT_EQ(letters.Split("12ab--c"), (Words{"12", "ab", "--", "c"}));
}

// A pattern that backtracks without end: PCRE2 gives up, and the text comes out whole.
TEST(PreTokenizer, ARunawayPatternKeepsTheTextTogether) {
  const auto runaway = Make(R"({"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "(x+x+)+y"}},
      {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})");
  const std::string text(60, 'x');
  EXPECT_EQ(runaway.Split(text), Words{text});
}

TEST(PreTokenizer, UnknownComponentsAreNamed) {
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  for (
      const char* description :
      {"null", R"({"type": "Metaspace"})", R"({"type": "Digits"})", R"({"type": "ByteLevel"})",
       R"({"type": "Sequence", "pretokenizers": [{"type": "Digits"}]})",
       R"({"type": "Sequence", "pretokenizers": [{"type": "ByteLevel", "add_prefix_space": false}, {"type": "Digits"}]})",
       R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "behavior": "Removed", "pattern": {"Regex": "a"}}, {"type": "ByteLevel"}]})",
       R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "behavior": "Isolated", "pattern": {"String": "a"}}, {"type": "ByteLevel"}]})"})
    EXPECT_EQ(Error(description).code(), unimplemented) << description << Error(description);
  EXPECT_NE(std::string(Error(R"({"type": "Metaspace"})").message()).find("Metaspace"), std::string::npos);
  for (
      const char* description :
      {R"({"type": "Sequence", "pretokenizers": []})", R"({"type": "Sequence"})",
       R"({"type": "ByteLevel", "add_prefix_space": 0})",
       R"({"type": "Sequence", "pretokenizers": [{"type": "Split", "behavior": "Isolated", "pattern": {"Regex": "("}}, {"type": "ByteLevel"}]})"})
    EXPECT_EQ(Error(description).code(), absl::StatusCode::kDataLoss) << description << Error(description);
}

TEST(Utf8, ValidityByTheStandard) {  // RFC 3629, sections 3 and 4
  EXPECT_EQ(Utf8CharacterBytes(""), 0u);
  EXPECT_EQ(Utf8CharacterBytes(std::string_view("\0", 1)), 1u);
  EXPECT_EQ(Utf8CharacterBytes("\xc3\xa4x"), 2u);
  EXPECT_EQ(Utf8CharacterBytes("\xe2\x82\xac"), 3u);
  EXPECT_EQ(Utf8CharacterBytes("\xf4\x8f\xbf\xbf"), 4u);
  for (const char* bad : {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3x", "\xe0\x9f\xbf", "\xe2\x82",
                          "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"})
    EXPECT_EQ(Utf8CharacterBytes(bad), 0u) << bad;
  EXPECT_EQ(ValidUtf8Prefix("a\xc3\xa4\xff"
                            "b"),
            3u);
}

TEST(ByteAlphabet, EveryByteHasItsCharacter) {
  EXPECT_EQ(CharacterOfByte('A'), "A");
  EXPECT_EQ(CharacterOfByte(' '), "Ġ");
  EXPECT_EQ(CharacterOfByte('\n'), "Ċ");
  EXPECT_EQ(CharacterOfByte(0x00), "Ā");
  EXPECT_EQ(CharacterOfByte(0xad), "Ń");
  EXPECT_EQ(CharacterOfByte(0xff), "ÿ");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(BytesOfSpelling(SpellBytes(all)), all);
  EXPECT_EQ(BytesOfSpelling("a b"), std::nullopt);
  EXPECT_EQ(BytesOfSpelling("ń"), std::nullopt);  // U+0144, the first character beyond the alphabet
  EXPECT_EQ(BytesOfSpelling("€"), std::nullopt);
  EXPECT_EQ(BytesOfSpelling("\xff"), std::nullopt);
}

}  // namespace
}  // namespace kvscope
