#include "runtime/tokenizer/chat_template.h"

#include "fmt/format.h"

namespace kvscope {
namespace {

// What Llama 3.1's template writes where the caller names no date: fixed, so that prompts do not depend on
// the day they are run.
constexpr std::string_view kLlama31Dates =
    "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string ChatMlTurn(std::string_view role, std::string_view text) {
  return fmt::format("<|im_start|>{}\n{}<|im_end|>\n", role, text);
}

std::string Llama3Turn(std::string_view role, std::string_view before, std::string_view text) {
  return fmt::format("<|start_header_id|>{}<|end_header_id|>\n\n{}{}<|eot_id|>", role, before, Trim(text));
}

constexpr std::string_view kLlama3Answer = "<|start_header_id|>assistant<|end_header_id|>\n\n";

}  // namespace

absl::StatusOr<PromptTemplate> RecogniseTemplate(std::string_view jinja) {
  const auto has = [&](std::string_view token) { return jinja.find(token) != std::string_view::npos; };
  if (jinja.empty()) return PromptTemplate::kPlain;
  if (has("<|im_start|>") && has("<|im_end|>")) return PromptTemplate::kChatMl;
  if (has("<|start_header_id|>") && has("<|eot_id|>"))
    return has("Cutting Knowledge Date: December 2023") ? PromptTemplate::kLlama31 : PromptTemplate::kLlama3;
  return absl::UnimplementedError(
      fmt::format("chat template: expected ChatML or Llama 3, found one of {} bytes that begins {:?}",
                  jinja.size(), jinja.substr(0, 60)));
}

std::string DefaultSystem(std::string_view jinja) {
  constexpr std::string_view kTurn = "<|im_start|>system";
  constexpr std::string_view kEnd = "<|im_end|>";
  for (size_t at = jinja.find(kTurn); at != std::string_view::npos; at = jinja.find(kTurn, at + 1)) {
    std::string_view text = jinja.substr(at + kTurn.size());
    // The line end may be escaped or not, as Jinja strings go.
    if (text.starts_with("\\n")) {
      text.remove_prefix(2);
    } else if (text.starts_with('\n')) {
      text.remove_prefix(1);
    } else {
      continue;
    }
    text = text.substr(0, text.find(kEnd));
    // A quote ends the string: what follows is put together from variables.
    if (text.find_first_of("'\"") == std::string_view::npos) return std::string(text);
  }
  return "";
}

std::string RenderPrompt(PromptTemplate format, std::string_view system, std::string_view prompt) {
  switch (format) {
    case PromptTemplate::kPublished:
      return fmt::format("{}\n\n{}", system, prompt);
    case PromptTemplate::kPublishedLlama3:
      return fmt::format("<<SYS>>\n {} \n<</SYS>>\n\n{}", system, prompt);
    case PromptTemplate::kChatMl:
      return (system.empty() ? "" : ChatMlTurn("system", system)) + ChatMlTurn("user", prompt) +
             "<|im_start|>assistant\n";
    case PromptTemplate::kLlama3:
      return (system.empty() ? "" : Llama3Turn("system", "", system)) + Llama3Turn("user", "", prompt) +
             std::string(kLlama3Answer);
    case PromptTemplate::kLlama31:
      return Llama3Turn("system", kLlama31Dates, system) + Llama3Turn("user", "", prompt) +
             std::string(kLlama3Answer);
    case PromptTemplate::kPlain:
      return system.empty() ? std::string(prompt) : fmt::format("{}\n\n{}", system, prompt);
  }
  return std::string(prompt);
}

std::string_view Name(PromptTemplate format) {
  switch (format) {
    case PromptTemplate::kPublished:
      return "published";
    case PromptTemplate::kPublishedLlama3:
      return "published-llama3";
    case PromptTemplate::kChatMl:
      return "chatml";
    case PromptTemplate::kLlama3:
      return "llama3";
    case PromptTemplate::kLlama31:
      return "llama3.1";
    case PromptTemplate::kPlain:
      return "plain";
  }
  return "";
}

}  // namespace kvscope
