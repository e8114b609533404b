// How a prompt becomes the text a model was trained on.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace kvscope {

enum class PromptTemplate {
  kPublished,        // "{system}\n\n{prompt}"; the code behind SCOPE's tables, models other than Llama 3
  kPublishedLlama3,  // "<<SYS>>\n {system} \n<</SYS>>\n\n{prompt}"; the same, Llama 3
  kChatMl,           // <|im_start|>role\n...<|im_end|>\n; SmolLM2, Qwen2
  kLlama3,           // <|start_header_id|>role<|end_header_id|>\n\n...<|eot_id|>
  kLlama31,          // the same, the system turn always there and beginning with two lines of dates
  kPlain,  // system (when not empty) and two newlines, then the prompt: models without a chat format
};

// Recognises a model's Jinja chat template by the control tokens it writes; it is never executed. kPlain for
// an empty one. Unimplemented when it is none of ours.
absl::StatusOr<PromptTemplate> RecogniseTemplate(std::string_view jinja);

// The system message that a ChatML template writes by itself where a conversation has none (SmolLM2, Qwen2);
// empty where it writes none.
std::string DefaultSystem(std::string_view jinja);

// The text up to where the model's answer begins, without BOS. To get what the model's own template would
// give where there is no system message, pass DefaultSystem's.
std::string RenderPrompt(PromptTemplate format, std::string_view system, std::string_view prompt);

std::string_view Name(PromptTemplate format);

}  // namespace kvscope
