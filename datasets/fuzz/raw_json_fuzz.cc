// The raw JSON files of GSM8K and CommonsenseQA, and MMLU+'s worked examples.
#include "datasets/raw/readers.h"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"

namespace kvscope {

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  const std::string path = folder.Write("raw.jsonl", bytes);
  ReadGsm8k(path).IgnoreError();
  ReadCsqa(path).IgnoreError();
  ReadMmluExamples(path).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  return {
      R"({"question": "What is 2 + 2?", "answer": "2 + 2 = <<2+2=4>>4\n#### 4"})",
      R"({"question": "Where?", "choices": {"label": ["A", "B", "C", "D", "E"], "text": ["a", "b", "c", "d", "e"]}, "answerKey": "C"})",
      R"({"anatomy": "Question: ...", "law": ""})"};
}

}  // namespace kvscope
