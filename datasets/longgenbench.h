// The prompt that LongGenBench's tasks share: worked examples, then many questions to be answered in one
// output.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/fetch.h"
#include "datasets/prompt.h"

namespace kvscope {

// Number of tokens of a text in the tokenizer that the prompts are for.
using TokenCounter = std::function<size_t(std::string_view)>;

// The instruction of GSM8K+ and CSQA+, and the start of MMLU+'s.
extern const std::string_view kLongGenBenchInstruction;

// Everything of a prompt but its questions.
struct PromptFrame {
  std::string task;
  std::string variant;
  std::string system;
  std::string examples;
  int first_number = 1;
  std::string_view question_end = "\n";
};

struct FrameQuestion {
  std::string text;
  std::string answer;
  std::string gold;
};

// How many questions a prompt holds: `questions`, or where that is 0 as many as keep system and text within
// `tokens`.
struct PromptSize {
  int questions = 0;
  size_t tokens = 0;
  TokenCounter count_tokens;

  std::string Label() const;  // stands in sample ids: "30", "16384t"
};

// Counts by a defect's name, in questions unless the name says prompts or examples.
using DefectCounts = std::map<std::string, int>;

struct BuiltPrompt {
  Prompt prompt;
  std::string subject;        // MMLU+ only: as its file is named
  bool published_run = true;  // false: in the published file, and in no published run
  DefectCounts defects;
};

// A task's prompts before any limit, and what they were made from.
struct BuiltTask {
  std::vector<BuiltPrompt> prompts;
  nlohmann::json sources = nlohmann::json::array();
  int subjects_left_out = 0;  // MMLU+: with too few questions, or too long for the token budget
};

// "TASK/LABEL/000" and so on.
std::string SampleId(const std::string& task, const PromptSize& size, size_t index);

Prompt AssemblePrompt(const PromptFrame& frame, std::span<const FrameQuestion> questions, std::string sample);

// How many questions, from the first of `questions` on, the next prompt takes: 0 when fewer than
// size.questions are left, or when the token budget has no room for one. A token budget takes what there is,
// so that a last prompt may be shorter.
size_t QuestionsOfNextPrompt(const PromptFrame& frame, std::span<const FrameQuestion> questions,
                             const PromptSize& size);

// What one prompt has of each defect, given which of the data set's questions it took.
using DefectCounter = std::function<DefectCounts(size_t first, size_t count)>;

// Cuts `questions` into full prompts, in order, and adds them to `task`. Their ids are "TASK/LABEL/000" and
// so on.
absl::Status CutIntoPrompts(const PromptFrame& frame, std::span<const FrameQuestion> questions,
                            const PromptSize& size, const DefectCounter& count_defects, BuiltTask& task);

// Fetches one file of a catalog entry, adds it to `sources`, and returns its path.
absl::StatusOr<std::string> FetchSource(const Fetcher& fetcher, const std::string& entry_name,
                                        const std::string& file_name, nlohmann::json& sources);

}  // namespace kvscope
