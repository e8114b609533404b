#include "runtime/tokenizer/chat_template.h"

#include <gtest/gtest.h>

namespace kvscope {
namespace {

// As the template of SmolLM2's instruct models puts it together, with its line ends escaped.
constexpr std::string_view kDefaultInLiteral =
    R"({% if x %}{{ '<|im_start|>system\nYou are a test.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + role + '\n'}})";

TEST(RecogniseTemplate, ByControlTokens) {
  EXPECT_EQ(*RecogniseTemplate(""), PromptTemplate::kPlain);
  EXPECT_EQ(*RecogniseTemplate(kDefaultInLiteral), PromptTemplate::kChatMl);
  EXPECT_EQ(*RecogniseTemplate("{{ '<|start_header_id|>' + role }}<|eot_id|>"), PromptTemplate::kLlama3);
  EXPECT_EQ(*RecogniseTemplate("<|start_header_id|> Cutting Knowledge Date: December 2023 <|eot_id|>"),
            PromptTemplate::kLlama31);
  const auto other = RecogniseTemplate("[INST] {{ x }} [/INST]");
  EXPECT_EQ(other.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(std::string(other.status().message()).find("[INST]"), std::string::npos);
}

TEST(DefaultSystem, IsTheLiteralOfTheTemplate) {
  EXPECT_EQ(DefaultSystem(kDefaultInLiteral), "You are a test.");
  EXPECT_EQ(DefaultSystem("'<|im_start|>system\nReal line end.<|im_end|>\n'"), "Real line end.");
  EXPECT_EQ(DefaultSystem(R"('<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n')"), "");
  EXPECT_EQ(
      DefaultSystem(
          R"('<|im_start|>system\n' + content + '<|im_end|>' ... '<|im_start|>system\nLast.<|im_end|>')"),
      "Last.");
  EXPECT_EQ(DefaultSystem("<|im_start|>system"), "");
  EXPECT_EQ(DefaultSystem(""), "");
}

TEST(RenderPrompt, EveryFormat) {
  EXPECT_EQ(RenderPrompt(PromptTemplate::kPublished, "S", "P"), "S\n\nP");
  EXPECT_EQ(RenderPrompt(PromptTemplate::kPublishedLlama3, "S", "P"), "<<SYS>>\n S \n<</SYS>>\n\nP");
  EXPECT_EQ(RenderPrompt(PromptTemplate::kChatMl, "S", "P"),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nP<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(RenderPrompt(PromptTemplate::kChatMl, "", "P"),
            "<|im_start|>user\nP<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(RenderPrompt(PromptTemplate::kLlama3, "S", " P\n"),
            "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nP<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(RenderPrompt(PromptTemplate::kLlama31, "", "P"),
            "<|start_header_id|>system<|end_header_id|>\n\n"
            "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nP<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(RenderPrompt(PromptTemplate::kPlain, "S", "P"), "S\n\nP");
  EXPECT_EQ(RenderPrompt(PromptTemplate::kPlain, "", "P"), "P");
}

}  // namespace
}  // namespace kvscope
