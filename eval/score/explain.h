// How a sample was judged, for a person to read.
#pragma once

#include <string>

#include "eval/score/score_folder.h"

namespace kvscope {

// A paragraph a question: what was asked, the gold, and for each scorer its verdict and the text it judged.
std::string Explain(const JudgedRun& run, const JudgedSample& sample);

}  // namespace kvscope
