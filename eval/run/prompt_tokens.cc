#include "eval/run/prompt_tokens.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <string_view>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {

absl::StatusOr<PromptTemplate> TemplateFor(const Model& model, const std::string& task, bool published) {
  if (task == "arith+") return PromptTemplate::kPlain;
  ASSIGN_OR_RETURN(const PromptTemplate own, RecogniseTemplate(model.chat_template));
  if (!published) return own;
  const bool llama3 = own == PromptTemplate::kLlama3 || own == PromptTemplate::kLlama31;
  return llama3 ? PromptTemplate::kPublishedLlama3 : PromptTemplate::kPublished;
}

std::vector<int> StopTokens(const Model& model, const Tokenizer& tokenizer, PromptTemplate format) {
  if (format == PromptTemplate::kPublishedLlama3)
    if (const std::optional<int> end_of_turn = tokenizer.TokenId("<|eot_id|>")) return {*end_of_turn};
  return model.config.eos;
}

std::vector<int> PromptTokens(const Prompt& prompt, const Model& model, const Tokenizer& tokenizer,
                              PromptTemplate format) {
  const std::string system = prompt.system.empty() ? DefaultSystem(model.chat_template) : prompt.system;
  const bool plain = format == PromptTemplate::kPlain;
  std::vector<int> tokens =
      tokenizer.Encode(RenderPrompt(format, plain ? prompt.system : system, prompt.text));
  if ((tokenizer.adds_bos() || plain) && model.config.bos) tokens.insert(tokens.begin(), *model.config.bos);
  return tokens;
}

std::optional<size_t> PublishedPromptLimit(std::string model) {
  struct Limit {
    std::string_view part_of_name;
    size_t tokens;
  };
  static constexpr std::array kLimits = {
      Limit{"llama2", 3950},     Limit{"llama-2", 3950},     Limit{"llama3-", 7950},
      Limit{"llama-3-", 7950},   Limit{"llama3.1", 130000},  Limit{"llama-3.1", 130000},
      Limit{"llama3.2", 130000}, Limit{"llama-3.2", 130000}, Limit{"mistral", 31500},
  };
  std::ranges::transform(model, model.begin(), [](unsigned char c) { return std::tolower(c); });
  std::optional<size_t> tokens;
  for (const Limit& limit : kLimits)
    if (model.find(limit.part_of_name) != std::string::npos) tokens = limit.tokens;  // the last one decides
  return tokens;
}

std::vector<int> CutToHalves(std::span<const int> tokens, size_t limit, const Tokenizer& tokenizer,
                             std::optional<int> bos) {
  const size_t half = limit / 2;
  std::vector<int> cut =
      tokenizer.Encode(tokenizer.Decode(tokens.first(half)) + tokenizer.Decode(tokens.last(half)));
  if (bos) cut.insert(cut.begin(), *bos);
  return cut;
}

absl::Status CheckFits(const std::vector<Prompt>& prompts, const std::vector<std::vector<int>>& tokens,
                       int max_new_tokens, const ModelConfig& config) {
  for (size_t i = 0; i < prompts.size(); ++i) {
    if (tokens[i].size() + static_cast<size_t>(max_new_tokens) <= config.max_positions) continue;
    return absl::InvalidArgumentError(fmt::format(
        "sample '{}': its prompt has {} tokens; with {} new ones it needs {}, and the model has {} "
        "positions (fewer --questions, a shorter --length or fewer --max-new-tokens may help)",
        prompts[i].sample, tokens[i].size(), max_new_tokens,
        tokens[i].size() + static_cast<size_t>(max_new_tokens), config.max_positions));
  }
  return absl::OkStatus();
}

}  // namespace kvscope
