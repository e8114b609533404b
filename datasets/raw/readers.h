// The raw files of the three data sets, checked field by field. DataLoss names the file, the record (from 0)
// and the field that is wrong.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/prompt.h"

namespace kvscope {

// JSON Lines of {question, answer}; the answer is the worked solution, which ends in "#### NUMBER".
absl::StatusOr<std::vector<Example>> ReadGsm8k(const std::string& path);

// JSON Lines of {question, choices: {label, text}, answerKey}, labels A to E.
absl::StatusOr<std::vector<Example>> ReadCsqa(const std::string& path);

// CSV without a header: question, four options, letter.
absl::StatusOr<std::vector<Example>> ReadMmlu(const std::string& path);

// The worked examples of MMLU+: one JSON object from a subject to its text.
absl::StatusOr<std::map<std::string, std::string>> ReadMmluExamples(const std::string& path);

}  // namespace kvscope
