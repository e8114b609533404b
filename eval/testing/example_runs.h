// Small made-up runs for tests of what is said about runs.
#pragma once

#include <cstdint>
#include <string>

#include "eval/score/score_folder.h"

namespace kvscope {

// Two samples of two arith+ questions, a direct one and one that refers to it; all right in the first sample,
// the second question missing in the other. The samples say memory and time.
JudgedRun ExampleRun(const std::string& method, uint64_t peak_bytes, uint64_t evictions);

}  // namespace kvscope
