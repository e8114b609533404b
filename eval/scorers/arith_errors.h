// Arith+: what went wrong in an answer.
#pragma once

#include <string>
#include <string_view>

#include "datasets/prompt.h"
#include "eval/scorers/score.h"

namespace kvscope {

// Empty for a right answer. "format": missing or unparsable. "lookup": the expression that the answer writes
// down ("A3 15 + 4") is not the one it should copy from the prompt and from the earlier answer; its value is
// PromptQuestion::value. "arithmetic": the right expression, another result. `body` is the output behind
// "Answer_N:".
std::string ArithError(const PromptQuestion& question, Verdict verdict, std::string_view body);

}  // namespace kvscope
