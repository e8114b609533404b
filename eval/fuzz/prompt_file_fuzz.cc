// prompts.jsonl.
#include "datasets/arith/arith.h"
#include "eval/score/prompt_file.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  std::vector<std::string> problems;
  const auto prompts = ReadPromptFile(folder.Write("prompts.jsonl", bytes), problems);
  if (!prompts.ok()) return;
  for (const auto& [sample, prompt] : *prompts) PromptFileContent({prompt});
}

std::vector<std::string> FuzzSeeds() {
  return {PromptFileContent(*GenerateArith({.questions = kArithMinQuestions, .prompts = 1}))};
}

}  // namespace kvscope
