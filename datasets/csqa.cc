#include <algorithm>
#include <set>
#include <utility>

#include "datasets/raw/readers.h"
#include "datasets/tasks.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr int kFirstNumber = 6;               // after five examples
constexpr size_t kPublishedQuestions = 1200;  // of 1221

FrameQuestion ToQuestion(const Example& example) {
  FrameQuestion question{
      .text = fmt::format("{}\n", example.question), .answer = example.answer, .gold = example.answer};
  for (size_t i = 0; i < example.options.size(); ++i) {
    question.text +=
        fmt::format("{}({}) {}", i == 0 ? "" : " ", static_cast<char>('A' + i), example.options[i]);
  }
  return question;
}

bool HasEqualOptions(const Example& example) {
  return std::set(example.options.begin(), example.options.end()).size() < example.options.size();
}

}  // namespace

absl::StatusOr<BuiltTask> BuildCsqa(Variant variant, const PromptSize& size, const Fetcher& fetcher) {
  BuiltTask task;
  ASSIGN_OR_RETURN(const std::string data_path,
                   FetchSource(fetcher, "csqa-validation", "dev_rand_split.jsonl", task.sources));
  ASSIGN_OR_RETURN(const std::string examples_path,
                   FetchSource(fetcher, "longgenbench-demos",
                               "LongGenBench_CSQA_prompt/LongGenBench_prompt_5demos.txt", task.sources));
  PromptFrame frame;
  frame.task = "csqa+";
  frame.variant = variant == Variant::kClean ? "clean" : "published";
  frame.system = kLongGenBenchInstruction;
  frame.first_number = kFirstNumber;
  frame.question_end = "\n\n";
  ASSIGN_OR_RETURN(frame.examples, ReadFile(examples_path));

  ASSIGN_OR_RETURN(std::vector<Example> examples, ReadCsqa(data_path));
  if (variant == Variant::kPublished) examples.resize(std::min(examples.size(), kPublishedQuestions));
  std::vector<FrameQuestion> questions;
  for (const Example& example : examples) questions.push_back(ToQuestion(example));
  // A property of the data set itself, which both variants keep.
  const auto count_defects = [&](size_t first, size_t count) {
    const auto begin = examples.begin() + static_cast<ptrdiff_t>(first);
    const auto equal = std::count_if(begin, begin + static_cast<ptrdiff_t>(count), HasEqualOptions);
    return DefectCounts{{"equal_options_kept", static_cast<int>(equal)}};
  };
  RETURN_IF_ERROR(CutIntoPrompts(frame, questions, size, count_defects, task));
  return task;
}

}  // namespace kvscope
