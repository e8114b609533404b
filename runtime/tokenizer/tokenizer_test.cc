#include "runtime/tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "embedded/arith_tokenizer.h"
#include "results/base/jsonl.h"
#include "runtime/model/model.h"
#include "runtime/model/test_files.h"
#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/chat_template.h"

namespace kvscope {
namespace {

using nlohmann::json;
using Ids = std::vector<int>;

// Ids 0-255 are the bytes; then the merges' results; then the added tokens.
constexpr int kFirstMerged = 256;
constexpr int kBos = 300;

json Small() {
  json vocab;
  for (int byte = 0; byte < 256; ++byte)
    vocab[std::string(CharacterOfByte(static_cast<uint8_t>(byte)))] = byte;
  const char* merges[] = {"a b", "ab c", "Ġ abc", "d e"};
  json list;
  for (int i = 0; i < 4; ++i) {
    std::string merge = merges[i];
    list.push_back(merge);
    vocab[merge.erase(merge.find(' '), 1)] = kFirstMerged + i;
  }
  return {{"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", list}}},
          {"added_tokens",
           {{{"id", kBos}, {"content", "<s>"}, {"special", true}},
            {{"id", kBos + 1}, {"content", "<s>>"}, {"special", true}},
            {{"id", kBos + 2}, {"content", "<think>"}, {"special", false}}}},
          {"normalizer", nullptr},
          {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
          {"post_processor", nullptr},
          {"decoder", {{"type", "ByteLevel"}}}};
}

std::unique_ptr<const Tokenizer> Make(const json& description) {
  auto tokenizer = Tokenizer::FromJson(description);
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return *std::move(tokenizer);
}

TEST(Tokenizer, MergesInsideWordsOnly) {
  const auto tokenizer = Make(Small());
  EXPECT_EQ(tokenizer->Encode("abc"), Ids{257});
  EXPECT_EQ(tokenizer->Encode("abc abc"), (Ids{257, 258}));
  EXPECT_EQ(tokenizer->Encode("d e"), (Ids{'d', ' ', 'e'}));
  EXPECT_EQ(tokenizer->Encode(""), Ids{});
  EXPECT_EQ(tokenizer->vocabulary_size(), 303u);
  EXPECT_EQ(tokenizer->TokenId("Ġabc"), 258);
  EXPECT_EQ(tokenizer->TokenId("<s>"), kBos);
  EXPECT_EQ(tokenizer->TokenId("none"), std::nullopt);
  EXPECT_FALSE(tokenizer->adds_bos());
}

TEST(Tokenizer, MergesMayBePairs) {
  json description = Small();
  for (json& merge : description["model"]["merges"]) {
    const std::string text = merge;
    const size_t space = text.find(' ');
    merge = {text.substr(0, space), text.substr(space + 1)};
  }
  EXPECT_EQ(Make(description)->Encode("abc abc"), (Ids{257, 258}));
}

TEST(Tokenizer, WholeWordsBeforeMerges) {
  json description = Small();
  description["model"]["vocab"]["dex"] = 280;  // no merges lead to it
  EXPECT_EQ(Make(description)->Encode("dex"), (Ids{259, 'x'}));
  description["model"]["ignore_merges"] = true;
  EXPECT_EQ(Make(description)->Encode("dex dex"), (Ids{280, ' ', 259, 'x'}));
}

TEST(Tokenizer, AddedTokensAreParsedTheLongestFirst) {
  const auto tokenizer = Make(Small());
  EXPECT_EQ(tokenizer->Encode("<s>abc<s>>"), (Ids{kBos, 257, kBos + 1}));
  EXPECT_EQ(tokenizer->Encode("<s<s><think>"), (Ids{'<', 's', kBos, kBos + 2}));
  const Ids ids = tokenizer->Encode("<s>abc<think><s>>");
  EXPECT_EQ(tokenizer->Decode(ids), "abc<think>");
  EXPECT_EQ(tokenizer->Decode(ids, true), "<s>abc<think><s>>");
}

TEST(Tokenizer, IdsOutsideTheVocabularyGiveNothing) {
  const auto tokenizer = Make(Small());
  EXPECT_EQ(tokenizer->Decode(Ids{-1, 'a', 299, 303, INT32_MAX, INT32_MIN, 'b'}), "ab");
}

TEST(Tokenizer, AnyBytesComeBack) {
  const auto tokenizer = Make(Small());
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    std::string text;
    for (uint32_t length = random() % 40; length > 0; --length)
      text += random() % 2 == 0 ? static_cast<char>(random()) : "ab c<s>\xc3\xa4"[random() % 9];
    EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(text), true), text) << round;
  }
}

TEST(Tokenizer, BytesWithoutATokenBecomeUnknownOrNothing) {
  json description = Small();
  description["model"]["vocab"].erase("x");
  EXPECT_EQ(Make(description)->Encode("axb"), Ids{256});
  description["model"]["unk_token"] = "u";
  EXPECT_EQ(Make(description)->Encode("axb"), (Ids{'a', 'u', 'b'}));
}

TEST(Tokenizer, LongTexts) {
  const auto tokenizer = Make(Small());
  constexpr size_t kSize = 1 << 20;
  EXPECT_EQ(tokenizer->Encode(std::string(kSize, 'x')).size(), kSize);
  EXPECT_EQ(tokenizer->Encode(std::string(kSize, ' ')).size(), kSize);
  EXPECT_EQ(tokenizer->Encode(std::string(kSize, '\xff')).size(), kSize);
  EXPECT_EQ(tokenizer->Encode(std::string(kSize, '<')).size(), kSize);
  EXPECT_EQ(tokenizer->Encode(std::string(kSize, ' ') + "x").size(), kSize + 1);
  std::string words;
  while (words.size() < kSize) words += "abc abd ";
  EXPECT_EQ(tokenizer->Decode(tokenizer->Encode(words)), words);
}

TEST(Tokenizer, BosOfThePostProcessor) {
  json description = Small();
  const json text = {{"Sequence", {{"id", "A"}}}};
  const json bos = {{"SpecialToken", {{"id", "<s>"}}}};
  const auto with = [&](const json& single) {
    description["post_processor"] = {{"type", "TemplateProcessing"}, {"single", single}};
    return Tokenizer::FromJson(description);
  };
  EXPECT_TRUE((*with({bos, text}))->adds_bos());
  EXPECT_FALSE((*with(json::array({text})))->adds_bos());
  EXPECT_EQ(with({bos, text, bos}).status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(with("x").status().code(), absl::StatusCode::kUnimplemented);
  description["post_processor"] = {
      {"type", "Sequence"},
      {"processors", {{{"type", "ByteLevel"}}, {{"type", "TemplateProcessing"}, {"single", {bos, text}}}}}};
  EXPECT_TRUE(Make(description)->adds_bos());
}

TEST(Tokenizer, WhatThereIsNoCodeForIsNamed) {
  const auto expect = [](const char* pointer, const json& value, absl::StatusCode code,
                         const std::string& fragment) {
    json description = Small();
    description[json::json_pointer(pointer)] = value;
    const auto tokenizer = Tokenizer::FromJson(description);
    EXPECT_EQ(tokenizer.status().code(), code) << pointer;
    const std::string message(tokenizer.status().message());
    EXPECT_NE(message.find(fragment), std::string::npos) << message;
  };
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  expect("/model/type", "WordPiece", unimplemented, "model.type: expected BPE, found \"WordPiece\"");
  expect("/model/byte_fallback", true, unimplemented, "byte_fallback");
  expect("/model/dropout", 0.1, unimplemented, "dropout");
  expect("/normalizer", {{"type", "NFC"}}, unimplemented, "normalizer: expected none, found \"NFC\"");
  expect("/decoder", {{"type", "Metaspace"}}, unimplemented, "decoder");
  expect("/added_tokens/0/rstrip", true, unimplemented, "\"<s>\": rstrip");
  const auto loss = absl::StatusCode::kDataLoss;
  expect("/model/vocab", json::array(), loss, "model.vocab");
  expect("/model/vocab/a", 'b', loss, "another token has");
  expect("/model/vocab/a", -1, loss, "token \"a\": expected an id below");
  expect("/model/vocab/a", 1 << 20, loss, "token \"a\": expected an id below");
  expect("/model/vocab/a", 5000, loss, "token \"a\": expected an id below");
  expect("/model/merges", nullptr, loss, "model.merges: expected a list");
  expect("/model/merges/1", "a b c", loss, "model.merges: entry 1: expected two tokens");
  expect("/model/merges/1", "ab zz", loss, "model.merges: entry 1: expected tokens of the vocabulary");
  expect("/model/unk_token", "zz", loss, "unk_token");
  expect("/added_tokens", 3, loss, "added_tokens: expected a list");
  expect("/added_tokens/1/id", kBos, loss, "another token has");
  expect("/added_tokens/0/content", "a", loss, "expected id 97, as in model.vocab");
  expect("/added_tokens/0/content", "", loss, "content: expected text");
}

TEST(Tokenizer, SurvivesRandomDamage) {
  const std::string text = Small().dump();
  std::mt19937 random(20260104);
  int parsed = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string damaged = text;
    for (uint32_t change = random() % 3 + 1; change > 0; --change)
      damaged[random() % damaged.size()] =
          random() % 2 == 0 ? static_cast<char>(random()) : "0123456789[]{},:\""[random() % 17];
    const auto description = ParseJson(damaged, "tokenizer.json");
    if (!description.ok()) continue;
    const auto tokenizer = Tokenizer::FromJson(*description);
    if (!tokenizer.ok()) continue;
    ++parsed;
    EXPECT_LE((*tokenizer)->Encode("abc <s> 12\xff").size(), 12u);
  }
  EXPECT_GT(parsed, 0);
}

// The tokenizer of the built-in model knows every number below 100 and the words of its grammar.
TEST(Tokenizer, ArithModelHasATokenForEveryWordAndNumber) {
  const auto description = ParseJson(embedded::arith_tokenizer(), "tokenizer.json");
  ASSERT_TRUE(description.ok()) << description.status();
  const auto tokenizer = Make(*description);
  const std::string text = "Answer_12: 42 + 5 = 47.";
  std::vector<std::string> pieces;
  for (const int id : tokenizer->Encode(text)) pieces.push_back(tokenizer->Decode(Ids{id}));
  EXPECT_EQ(pieces,
            (std::vector<std::string>{"Answer", "_", "12", ":", " 42", " +", " 5", " =", " 47", "."}));
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class SmolLm2Test : public testing::Test {
 protected:
  void SetUp() override {
    const std::string path = testing_files::CachedSmolLm2();
    if (path.empty()) GTEST_SKIP() << "smollm2-135m is not in the cache (kvscope fetch smollm2-135m)";
    auto model = LoadModel(path);
    ASSERT_TRUE(model.ok()) << model.status();
    model_ = *std::move(model);
    tokenizer_ = Make(model_->tokenizer);
  }

  std::shared_ptr<const Model> model_;
  std::unique_ptr<const Tokenizer> tokenizer_;
};

TEST_F(SmolLm2Test, AgreesWithTheReferenceOnEveryItem) {
  const std::string golden = Environment("KVSCOPE_GOLDEN");
  if (golden.empty()) GTEST_SKIP() << "KVSCOPE_GOLDEN is not set";
  const auto file = ReadJsonFile(golden + "/smollm2/tokens.json");
  ASSERT_TRUE(file.ok()) << file.status();
  const json& items = (*file)["items"];
  ASSERT_EQ(items.size(), 300u);
  for (const json& item : items) {
    const std::string text = item["text"];
    const Ids ids = tokenizer_->Encode(text);
    EXPECT_EQ(ids, item["ids"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer_->Decode(ids, true), text);
  }
  for (const json& token : (*file)["special_tokens"])
    EXPECT_EQ(tokenizer_->TokenId(token[0].get<std::string>()), token[1]);
  EXPECT_EQ(tokenizer_->vocabulary_size(), (*file)["vocab_size"]);
}

TEST_F(SmolLm2Test, TheChatTemplateHasASystemMessageOfItsOwn) {
  const auto format = RecogniseTemplate(model_->chat_template);
  ASSERT_TRUE(format.ok()) << format.status();
  EXPECT_EQ(*format, PromptTemplate::kChatMl);
  EXPECT_EQ(DefaultSystem(model_->chat_template),
            "You are a helpful AI assistant named SmolLM, trained by Hugging Face");
}

}  // namespace
}  // namespace kvscope
