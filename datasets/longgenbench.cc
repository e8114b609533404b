#include "datasets/longgenbench.h"

#include <algorithm>
#include <utility>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {

const std::string_view kLongGenBenchInstruction =
    "Answer each question step by step, adhering to the format shown in the examples provided. Start each "
    "response "
    "with 'Answer_' and introduce the final response with 'The answer is'. Do not repeat the question. "
    "Ensure that "
    "you respond to all the questions presented, regardless of their number.";

std::string PromptSize::Label() const {
  return questions > 0 ? fmt::format("{}", questions) : fmt::format("{}t", tokens);
}

std::string SampleId(const std::string& task, const PromptSize& size, size_t index) {
  return fmt::format("{}/{}/{:03}", task, size.Label(), index);
}

Prompt AssemblePrompt(const PromptFrame& frame, std::span<const FrameQuestion> questions,
                      std::string sample) {
  Prompt prompt;
  prompt.sample = std::move(sample);
  prompt.task = frame.task;
  prompt.variant = frame.variant;
  prompt.system = frame.system;
  prompt.text = fmt::format("Examples: \n{}\n\nFollowing Question: \n", frame.examples);
  int number = frame.first_number;
  for (const FrameQuestion& from : questions) {
    PromptQuestion& question = prompt.questions.emplace_back();
    question.number = number++;
    question.question = from.text;
    question.answer = from.answer;
    question.gold = from.gold;
    question.begin = prompt.text.size();
    prompt.text += fmt::format("Question_{}:\n{}", question.number, from.text);
    question.end = prompt.text.size();
    prompt.text += frame.question_end;
  }
  prompt.text += '\n';
  return prompt;
}

size_t QuestionsOfNextPrompt(const PromptFrame& frame, std::span<const FrameQuestion> questions,
                             const PromptSize& size) {
  if (size.questions > 0) {
    const auto wanted = static_cast<size_t>(size.questions);
    return wanted <= questions.size() ? wanted : 0;
  }
  const auto fits = [&](size_t count) {
    const Prompt prompt = AssemblePrompt(frame, questions.first(count), "");
    return size.count_tokens(fmt::format("{}\n\n{}", prompt.system, prompt.text)) <= size.tokens;
  };
  size_t fitting = 0;
  size_t too_many = questions.size() + 1;
  while (too_many - fitting > 1) {
    const size_t middle = fitting + (too_many - fitting) / 2;
    (fits(middle) ? fitting : too_many) = middle;
  }
  return fitting;
}

absl::Status CutIntoPrompts(const PromptFrame& frame, std::span<const FrameQuestion> questions,
                            const PromptSize& size, const DefectCounter& count_defects, BuiltTask& task) {
  for (size_t first = 0; first < questions.size();) {
    const size_t count = QuestionsOfNextPrompt(frame, questions.subspan(first), size);
    if (count == 0 && size.tokens > 0) {
      return absl::InvalidArgumentError(fmt::format(
          "{}: tokens: {} leave no room for question {} after the examples", frame.task, size.tokens, first));
    }
    if (count == 0) break;
    BuiltPrompt& built = task.prompts.emplace_back();
    built.prompt = AssemblePrompt(frame, questions.subspan(first, count),
                                  SampleId(frame.task, size, task.prompts.size() - 1));
    built.defects = count_defects(first, count);
    first += count;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> FetchSource(const Fetcher& fetcher, const std::string& entry_name,
                                        const std::string& file_name, nlohmann::json& sources) {
  ASSIGN_OR_RETURN(const CatalogEntry* const entry, fetcher.catalog().Find(entry_name));
  const auto file = std::find_if(entry->files.begin(), entry->files.end(),
                                 [&](const CatalogFile& candidate) { return candidate.name == file_name; });
  if (file == entry->files.end())
    return absl::NotFoundError(fmt::format("{}: the catalog has no file {}", entry_name, file_name));
  ASSIGN_OR_RETURN(std::string path, fetcher.Fetch(*entry, *file));
  sources.push_back(
      {{"name", fmt::format("{}/{}", entry_name, file_name)}, {"url", file->url}, {"sha256", file->sha256}});
  return path;
}

}  // namespace kvscope
