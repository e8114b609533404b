#include <span>
#include <utility>

#include "datasets/number.h"
#include "datasets/raw/readers.h"
#include "datasets/tasks.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr int kFirstNumber = 9;  // after eight examples

// What stands behind "####" at the end of a worked solution.
absl::StatusOr<std::string> RawGold(const std::string& solution, size_t record) {
  constexpr std::string_view kMark = "####";
  const size_t mark = solution.rfind(kMark);
  if (mark == std::string::npos) {
    return absl::DataLossError(
        fmt::format("gsm8k-test: record {}: answer: expected #### and a number, found no ####", record));
  }
  return solution.substr(mark + kMark.size());
}

absl::StatusOr<FrameQuestion> ToQuestion(const Example& example, size_t record) {
  ASSIGN_OR_RETURN(const std::string raw, RawGold(example.answer, record));
  const auto gold = CanonicalNumber(raw);
  if (!gold) {
    return absl::DataLossError(
        fmt::format("gsm8k-test: record {}: answer: expected a number after ####, found {}", record, raw));
  }
  return FrameQuestion{.text = example.question, .answer = example.answer, .gold = *gold};
}

// The published scorer reads the gold as the digits right behind "####".
DefectCounts CountDefects(std::span<const FrameQuestion> questions) {
  DefectCounts counts{{"gold_cut_at_comma", 0}, {"gold_sign_lost", 0}};
  for (const FrameQuestion& question : questions) {
    const std::string raw = question.answer.substr(question.answer.rfind("####"));
    counts["gold_cut_at_comma"] += raw.find(',') != std::string::npos ? 1 : 0;
    counts["gold_sign_lost"] += question.gold.starts_with('-') ? 1 : 0;
  }
  return counts;
}

}  // namespace

absl::StatusOr<BuiltTask> BuildGsm8k(Variant variant, const PromptSize& size, const Fetcher& fetcher) {
  BuiltTask task;
  ASSIGN_OR_RETURN(const std::string data_path,
                   FetchSource(fetcher, "gsm8k-test", "test.jsonl", task.sources));
  ASSIGN_OR_RETURN(const std::string examples_path,
                   FetchSource(fetcher, "longgenbench-demos",
                               "LongGenBench_GSM8K_prompt/LongGenBench_prompt_8demos.txt", task.sources));
  PromptFrame frame;
  frame.task = "gsm8k+";
  frame.variant = variant == Variant::kClean ? "clean" : "published";
  frame.system = kLongGenBenchInstruction;
  frame.first_number = kFirstNumber;
  ASSIGN_OR_RETURN(frame.examples, ReadFile(examples_path));

  ASSIGN_OR_RETURN(const std::vector<Example> examples, ReadGsm8k(data_path));
  std::vector<FrameQuestion> questions;
  for (const Example& example : examples) {
    ASSIGN_OR_RETURN(FrameQuestion question, ToQuestion(example, questions.size()));
    questions.push_back(std::move(question));
  }
  const auto count_defects = [&](size_t first, size_t count) {
    return CountDefects(std::span(questions).subspan(first, count));
  };
  RETURN_IF_ERROR(CutIntoPrompts(frame, questions, size, count_defects, task));
  return task;
}

}  // namespace kvscope
