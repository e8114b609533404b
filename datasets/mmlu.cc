#include <algorithm>
#include <map>
#include <utility>

#include "datasets/published/mmlu_rules.h"
#include "datasets/raw/readers.h"
#include "datasets/tasks.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

constexpr std::string_view kTestSuffix = "_test.csv";
constexpr std::string_view kInstructionEnd =
    " The following are multiple choice questions (with answers) about ";

struct WorkedExample {
  std::string_view question;
  std::string_view answer;
};

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

// The file of examples has "Q: ..." and "A: ..." at line starts, the questions after blank lines.
std::vector<WorkedExample> SplitExamples(std::string_view text) {
  constexpr std::string_view kQuestion = "\n\nQ:";
  constexpr std::string_view kAnswer = "\nA:";
  std::vector<WorkedExample> examples;
  for (size_t begin = text.find(kQuestion); begin != std::string_view::npos;) {
    const size_t next = text.find(kQuestion, begin + kQuestion.size());
    const std::string_view example = text.substr(0, next).substr(begin + kQuestion.size());
    const size_t answer = example.find(kAnswer);
    if (answer != std::string_view::npos)
      examples.push_back({Trim(example.substr(0, answer)), Trim(example.substr(answer + kAnswer.size()))});
    begin = next;
  }
  return examples;
}

std::string CleanExamples(const std::vector<WorkedExample>& examples) {
  std::string text;
  for (size_t i = 0; i < examples.size(); ++i)
    text += fmt::format("Question_{}:\n{}\n\n", i + 1, examples[i].question);
  for (size_t i = 0; i < examples.size(); ++i)
    text += fmt::format("Answer_{}:\n{}{}", i + 1, examples[i].answer, i + 1 < examples.size() ? "\n\n" : "");
  return text;
}

std::string CleanQuestion(const Example& example) {
  std::string text = fmt::format("{}\n", Trim(example.question));
  for (size_t i = 0; i < example.options.size(); ++i)
    text += fmt::format("{}({}) {}", i == 0 ? "" : " ", static_cast<char>('A' + i), Trim(example.options[i]));
  return text;
}

bool HasMissingOption(const Example& example) {
  return std::any_of(example.options.begin(), example.options.end(),
                     [](const std::string& option) { return IsPandasMissing(option); });
}

// One subject's files, read.
struct Subject {
  std::string name;  // as its file is named: "high_school_biology"
  std::vector<Example> examples;
  std::vector<WorkedExample> worked;
  std::string worked_text;
};

// Both variants report the same counts: what published kept is what clean removed.
DefectCounts CountDefects(const Subject& subject, size_t count) {
  const std::vector<std::string> pieces = PublishedMmluPieces(subject.examples);
  DefectCounts counts;
  for (size_t i = 0; i < count; ++i) {
    counts["question_not_of_its_key"] += pieces[i] != PublishedMmluQuestion(subject.examples[i]) ? 1 : 0;
    counts["option_read_as_missing"] += HasMissingOption(subject.examples[i]) ? 1 : 0;
  }
  const int worked = static_cast<int>(subject.worked.size());
  counts["options_without_space"] = static_cast<int>(count);
  counts["examples_last_option_missing"] = worked;
  counts["prompts_example_number_skipped"] = worked + 1 == kPublishedMmluFirstNumber ? 0 : 1;
  counts["prompts_subject_not_named"] = 1;
  return counts;
}

PromptFrame Frame(const Subject& subject, Variant variant) {
  PromptFrame frame;
  frame.task = "mmlu+";
  frame.system = fmt::format("{}{}", kLongGenBenchInstruction, kInstructionEnd);
  if (variant == Variant::kPublished) {
    frame.variant = "published";
    frame.examples = PublishedMmluExamples(subject.worked_text);
    frame.first_number = kPublishedMmluFirstNumber;
  } else {
    std::string spoken = subject.name;
    std::replace(spoken.begin(), spoken.end(), '_', ' ');
    frame.variant = "clean";
    frame.system += fmt::format("{}.", spoken);
    frame.examples = CleanExamples(subject.worked);
    frame.first_number = static_cast<int>(subject.worked.size()) + 1;
  }
  return frame;
}

std::vector<FrameQuestion> Questions(const Subject& subject, Variant variant) {
  const std::vector<std::string> pieces =
      variant == Variant::kPublished ? PublishedMmluPieces(subject.examples) : std::vector<std::string>();
  std::vector<FrameQuestion> questions;
  for (size_t i = 0; i < subject.examples.size(); ++i) {
    const Example& example = subject.examples[i];
    questions.push_back({.text = variant == Variant::kPublished ? pieces[i] : CleanQuestion(example),
                         .answer = example.answer,
                         .gold = example.answer});
  }
  return questions;
}

absl::StatusOr<Subject> ReadSubject(const Fetcher& fetcher, const std::string& file,
                                    const std::map<std::string, std::string>& worked_texts,
                                    nlohmann::json& sources) {
  Subject subject;
  subject.name = file.substr(0, file.size() - kTestSuffix.size());
  ASSIGN_OR_RETURN(const std::string path, FetchSource(fetcher, "mmlu-test", file, sources));
  ASSIGN_OR_RETURN(subject.examples, ReadMmlu(path));
  const auto worked = worked_texts.find(subject.name);
  if (worked == worked_texts.end())
    return absl::DataLossError(
        fmt::format("longgenbench-demos: no examples of the subject {}", subject.name));
  subject.worked_text = worked->second;
  subject.worked = SplitExamples(worked->second);
  return subject;
}

}  // namespace

absl::StatusOr<BuiltTask> BuildMmlu(Variant variant, const PromptSize& size, const Fetcher& fetcher) {
  BuiltTask task;
  ASSIGN_OR_RETURN(const std::string worked_path,
                   FetchSource(fetcher, "longgenbench-demos",
                               "LongGenBench_MMLU_prompt/LongGenBench_prompt.json", task.sources));
  ASSIGN_OR_RETURN(const auto worked_texts, ReadMmluExamples(worked_path));
  ASSIGN_OR_RETURN(const CatalogEntry* const tests, fetcher.catalog().Find("mmlu-test"));
  for (size_t i = 0; i < tests->files.size(); ++i) {
    ASSIGN_OR_RETURN(const Subject subject,
                     ReadSubject(fetcher, tests->files[i].name, worked_texts, task.sources));
    const PromptFrame frame = Frame(subject, variant);
    const std::vector<FrameQuestion> questions = Questions(subject, variant);
    const size_t count = QuestionsOfNextPrompt(frame, questions, size);
    if (count == 0) {
      ++task.subjects_left_out;
      continue;
    }
    BuiltPrompt& built = task.prompts.emplace_back();
    built.prompt = AssemblePrompt(frame, std::span(questions).first(count), SampleId("mmlu+", size, i));
    built.subject = subject.name;
    built.published_run =
        std::find(kPublishedMmluNotRun.begin(), kPublishedMmluNotRun.end(), i) == kPublishedMmluNotRun.end();
    built.defects = CountDefects(subject, count);
  }
  return task;
}

}  // namespace kvscope
