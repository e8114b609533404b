// The scorer for fair comparisons: an answer belongs to the question whose number it bears, numbers are
// compared by value, and what could not be read is told apart from what is wrong.
#pragma once

#include <string_view>

#include "datasets/prompt.h"
#include "eval/scorers/score.h"

namespace kvscope {

inline constexpr std::string_view kCleanScorer = "clean";

// The answer to question N is what follows the first readable "answer is" between the first "Answer_N:" and
// the next header: a number (gsm8k+, arith+) or a letter (mmlu+, csqa+).
SampleScore ScoreClean(const Prompt& prompt, std::string_view text);

}  // namespace kvscope
