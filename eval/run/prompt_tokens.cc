#include "eval/run/prompt_tokens.h"

#include <optional>

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
