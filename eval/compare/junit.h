// A gate's result as JUnit XML, which CI systems show test by test.
#pragma once

#include <string>

#include "eval/compare/gate.h"

namespace kvscope {

// One suite a cell, one test case a rule: a failure where it fails, an error where something is absent,
// skipped where the statistics cannot decide.
std::string ToJUnit(const GateResult& result);

}  // namespace kvscope
