// The content of a published prediction file: one JSON object a line with prompt, questions, answers and
// pred.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "datasets/prompt.h"

namespace kvscope {

struct ScopePrediction {
  Prompt prompt;
  std::string text;  // what the model wrote
};

struct ScopePredictions {
  std::string length;  // "4k" or "8k", known by the number of questions
  int questions = 0;   // a prompt
  std::vector<ScopePrediction> predictions;
};

// `task` is what the path says. DataLoss naming file, line and field where a record is not as it should be,
// or is none of that task: another number of questions, golds of another kind, questions that are not the
// prompt's.
absl::StatusOr<ScopePredictions> ReadScopePredictions(const std::string& path, const std::string& task);

}  // namespace kvscope
