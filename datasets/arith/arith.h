// Arith+: a synthetic long-generation task that the embedded model solves with a full cache, and whose two
// kinds of question tell the two phases apart. A direct question needs the prompt; a chained one needs the
// result of an earlier question, which stands only in the text decoded so far.
//
//   Questions:                            Answers:
//   Q1: 42 + 5?                           Answer_1: 42 + 5 = 47. The answer is 47. A1 47
//   Q2: A1 - 3? The sky is blue.          Answer_2: A1 47 - 3 = 44. The answer is 44. A2 44
//   Answers:
//
// Left the prompt, which ends with "Answers:\n"; right what a correct model goes on with. The grammar is that
// of scripts/arith/grammar.py, which the model is trained on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/prompt.h"

namespace kvscope {

// Numbers of more than two digits are not one token.
inline constexpr int kArithMinQuestions = 8;
inline constexpr int kArithMaxQuestions = 99;
inline constexpr double kArithMaxFillersPerLine = 100;
// The rows "4k" and "8k" of a table. They name the row, not the tokens: a question and its answer take about
// 27 tokens. 99 is the largest K there is, and the largest that the embedded model is trained on.
inline constexpr int kArithQuestions4k = 64;
inline constexpr int kArithQuestions8k = 99;

struct ArithOptions {
  int questions = 16;
  int prompts = 50;
  double chained_share = 0.4;  // of all questions but the first, which has nothing to refer to
  double far_share = 0.5;      // of the chained: far is uniform over all earlier questions, near the last 3
  double fillers_per_line = 0.0;  // mean number of filler sentences at a question's end: 0.3 on three of ten
  uint64_t seed = 0;
};

// InvalidArgument naming the option, what it may be, and what it is.
absl::Status Validate(const ArithOptions& options);

// Prompt i depends on the seed, i and the options alone, not on how many prompts are asked for. The stream of
// random numbers is one of its own: the training script draws from another generator (Python's Mersenne
// twister), so no seed here names a training prompt.
absl::StatusOr<std::vector<Prompt>> GenerateArith(const ArithOptions& options);

}  // namespace kvscope
