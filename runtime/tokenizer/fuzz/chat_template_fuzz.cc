// Jinja chat templates, and a prompt and a system message to render.
#include "results/base/fuzz/fuzz_target.h"
#include "runtime/tokenizer/chat_template.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  const std::vector<std::string> parts = SplitFuzzInput(bytes, 3);
  const auto format = RecogniseTemplate(parts[0]);
  const std::string system = parts[1].empty() ? DefaultSystem(parts[0]) : parts[1];
  if (format.ok()) RenderPrompt(*format, system, parts[2]);
  for (const PromptTemplate other : {PromptTemplate::kPublished, PromptTemplate::kPublishedLlama3})
    RenderPrompt(other, system, parts[2]);
}

std::vector<std::string> FuzzSeeds() {
  const std::string chat_ml =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
      "{{ '<|im_start|>system\\nBe helpful<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role']}}";
  const std::string llama3 =
      "{{ '<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023<|eot_id|>' }}";
  return {JoinFuzzInput({chat_ml, "", " What is 2 + 2? "}), JoinFuzzInput({llama3, "Be brief.", "Hello"}),
          JoinFuzzInput({"", "", "plain"})};
}

}  // namespace kvscope
