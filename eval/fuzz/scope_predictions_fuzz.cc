// Published prediction files. The first byte chooses the task.
#include <array>

#include "eval/import/scope_path.h"
#include "eval/import/scope_records.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "results/base/fuzz/fuzz_target.h"
#include "results/base/fuzz/scratch_folder.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

constexpr std::array kTasks = {"gsm8k+", "mmlu+", "csqa+"};

// As published, of `questions` questions.
std::string Record(int questions, const std::string& answer) {
  std::string prompt = "<<SYS>>\n Be brief. \n<</SYS>>\n\nQuestion_1: \nExample?\n\n";
  nlohmann::json asked, answers;
  for (int number = 2; number < 2 + questions; ++number) {
    asked.push_back(fmt::format("{}?", number));
    answers.push_back(answer);
    prompt += fmt::format("Question_{}:\n{}?\n", number, number);
  }
  return DumpJson({{"prompt", prompt}, {"questions", asked}, {"answers", answers}, {"pred", "Answer_2: 4."}});
}

}  // namespace

void FuzzOne(std::string_view bytes) {
  static const ScratchFolder folder;
  if (bytes.empty()) return;
  const char* const task = kTasks[static_cast<uint8_t>(bytes[0]) % kTasks.size()];
  const std::string content(bytes.substr(1));
  ReadScopePredictions(folder.Write("predictions.json", content), task).IgnoreError();
  ParseScopePath(content).IgnoreError();
}

std::vector<std::string> FuzzSeeds() {
  return {fmt::format("0{}", Record(30, "#### 1,000")), fmt::format("1{}", Record(30, "C")),
          fmt::format("2{}", Record(40, "E")),
          "0x/H2O+slide_decoding_window_512_recent_window_256/llama_2048/mmlu/H2O.json"};
}

}  // namespace kvscope
