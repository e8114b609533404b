// Runs made up for tests.
#pragma once

#include <string>
#include <vector>

#include "eval/score/score_folder.h"

namespace kvscope {

inline constexpr int kQuestionsAPrompt = 10;

// A complete run over as many prompts as `correct` has elements, of kQuestionsAPrompt questions each: the
// first correct[i] of prompt i are right. Its folder is the method's name.
JudgedRun MakeRun(const std::string& method, const std::vector<int>& correct);

}  // namespace kvscope
