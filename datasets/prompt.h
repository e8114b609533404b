// The two values of the datasets room: an Example (one question of a raw data set, checked) and a Prompt (K
// questions in one text, all to be answered in one long output; LongGenBench, arXiv 2410.04199; SCOPE, arXiv
// 2412.13649).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

struct Example {
  std::string question;
  std::string
      answer;  // as the raw file has it: for GSM8K the worked solution, for multiple choice the letter
  std::vector<std::string> options;  // multiple choice only, in order A, B, ...
};

// One question inside a prompt. Its answer is expected as "Answer_<number>: ... answer is <gold>".
struct PromptQuestion {
  int number = 0;        // as printed in the prompt, so not necessarily counted from 1
  std::string question;  // the text alone, without its "Question_N:" line
  std::string answer;    // Example::answer
  std::string gold;      // what the clean scorer compares with: a number in canonical form, or a letter
  size_t begin = 0;  // bytes [begin, end) of Prompt::text that hold the question, its number line included
  size_t end = 0;
  // arith+ only.
  std::string kind;           // "direct", "chained_near", "chained_far"; empty for other tasks
  std::optional<int> refers;  // number of the question whose result this one uses
  std::optional<int> value;   // that result: what a correct look-up writes down
};

struct Prompt {
  std::string sample;   // stable id inside a task and variant: "gsm8k+/30/000"
  std::string task;     // "gsm8k+", "mmlu+", "csqa+", "arith+"
  std::string variant;  // "clean" or "published"
  std::string system;   // instruction that a chat template puts in its system turn; may be empty
  std::string text;     // examples and questions
  std::vector<PromptQuestion> questions;

  // SHA-256 of system, a zero byte, and text: ties a record to what the model was asked.
  std::string Hash() const;
};

// JSON as `kvscope build` writes it, one prompt a line.
nlohmann::json ToJson(const Prompt& prompt);

// InvalidArgument naming the field when `json` is not a prompt. `name` (file:line) stands in the message.
absl::StatusOr<Prompt> PromptFromJson(const nlohmann::json& json, const std::string& name);

// What was built from what: stands beside a prompt file and, in brief, in run.json.
struct Manifest {
  std::string task;
  std::string variant;
  int questions_per_prompt = 0;
  uint64_t seed = 0;
  nlohmann::json sources;  // [{name, url, sha256}]
  nlohmann::json
      defects;  // {name of the defect: number of questions touched}; what clean removed or published kept
  std::string data_sha256;  // SHA-256 over the prompts' hashes and golds, in order
};

struct PromptSet {
  std::vector<Prompt> prompts;
  Manifest manifest;
};

}  // namespace kvscope
