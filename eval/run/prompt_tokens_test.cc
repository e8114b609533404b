#include "eval/run/prompt_tokens.h"

#include <gtest/gtest.h>

#include <numeric>

#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {
namespace {

TEST(PublishedPromptLimit, IsThatOfTheLastPartOfTheNameThatItKnows) {
  EXPECT_EQ(PublishedPromptLimit("llama-3.1-8b-instruct"), 130000u);
  EXPECT_EQ(PublishedPromptLimit("/models/Meta-Llama-3-8B-Instruct"), 7950u);
  EXPECT_EQ(PublishedPromptLimit("Llama-2-7b-chat"), 3950u);
  EXPECT_EQ(PublishedPromptLimit("mistral-7b-instruct-v0.3"), 31500u);
  EXPECT_EQ(PublishedPromptLimit("smollm2-135m"), std::nullopt);
}

// A vocabulary of letters, and one special token.
std::unique_ptr<const Tokenizer> Letters() {
  nlohmann::json vocabulary;
  for (char c = 'a'; c <= 'z'; ++c) vocabulary[std::string(1, c)] = c - 'a';
  const nlohmann::json special = {{"id", 26},           {"content", "<s>"}, {"special", true},
                                  {"lstrip", false},    {"rstrip", false},  {"single_word", false},
                                  {"normalized", false}};
  return *Tokenizer::FromJson(
      {{"model", {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", nlohmann::json::array()}}},
       {"added_tokens", {special}},
       {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}},
       {"decoder", {{"type", "ByteLevel"}}}});
}

TEST(CutToHalves, KeepsTheFirstAndTheLastHalf) {
  const auto tokenizer = Letters();
  std::vector<int> tokens(21);
  std::iota(tokens.begin(), tokens.end(), 0);
  EXPECT_EQ(CutToHalves(tokens, 7, *tokenizer, std::nullopt), (std::vector<int>{0, 1, 2, 18, 19, 20}));
  tokens.front() = 26;
  EXPECT_EQ(CutToHalves(tokens, 8, *tokenizer, 26), (std::vector<int>{26, 1, 2, 3, 17, 18, 19, 20}));
}

}  // namespace
}  // namespace kvscope
