// From prompts to the token ids that a model is given.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/prompt.h"
#include "runtime/model/model.h"
#include "runtime/tokenizer/chat_template.h"
#include "runtime/tokenizer/tokenizer.h"

namespace kvscope {

// The format that prompts of `task` are given to `model` in: the model's own chat format; for published
// semantics the one of the published code; for Arith+, whose model has none, the text as it is.
absl::StatusOr<PromptTemplate> TemplateFor(const Model& model, const std::string& task, bool published);

// Tokens that end a generation. The published code stops at the tokenizer's end token alone.
std::vector<int> StopTokens(const Model& model, const Tokenizer& tokenizer, PromptTemplate format);

// BOS comes first where the tokenizer puts it there by itself, and where a model without a chat format names
// one: such a model has seen it before every text.
std::vector<int> PromptTokens(const Prompt& prompt, const Model& model, const Tokenizer& tokenizer,
                              PromptTemplate format);

// The longest prompt, in tokens, that the published code gives to a model of that name or path; nullopt where
// it knows none.
std::optional<size_t> PublishedPromptLimit(std::string model);

// What the published code does to a prompt of more tokens than that: the texts of its first and its last
// limit / 2 tokens, special ones left out, together tokenized anew. `bos` comes first, where there is one.
std::vector<int> CutToHalves(std::span<const int> tokens, size_t limit, const Tokenizer& tokenizer,
                             std::optional<int> bos);

// InvalidArgument naming the first sample whose prompt and new tokens do not fit the model's positions.
absl::Status CheckFits(const std::vector<Prompt>& prompts, const std::vector<std::vector<int>>& tokens,
                       int max_new_tokens, const ModelConfig& config);

}  // namespace kvscope
