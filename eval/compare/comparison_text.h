// A comparison for people.
#pragma once

#include <optional>
#include <string>

#include "eval/compare/cell_comparison.h"
#include "eval/compare/gate.h"

namespace kvscope {

// All of it, a paragraph a cell, for a terminal.
std::string ToText(const Comparison& comparison, const std::optional<GateResult>& gate);

// A table with a line a cell, what the gate says, and what is missing: for a pull request's comment.
std::string ToMarkdown(const Comparison& comparison, const std::optional<GateResult>& gate);

}  // namespace kvscope
