// Runs that say less than they seem to: configurations that should differ and do not, budgets that never
// bind, methods that did nothing.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/score/score_folder.h"
#include "nlohmann/json.hpp"

namespace kvscope {

enum class FindingKind {
  kSameOutputs,       // configurations that should differ gave the same outputs
  kInactive,          // likewise, and one of them keeps the full cache: the others' methods did nothing
  kBudgetNeverBinds,  // no prompt, or no output, is longer than what the method may hold
};
// "same_outputs", "inactive", "budget_never_binds"
std::string_view Name(FindingKind kind);

struct Finding {
  FindingKind kind = FindingKind::kSameOutputs;
  std::vector<std::string> runs;  // folders
  std::string message;            // without the runs
};

// Outputs are compared by their token ids where both runs have them, by their texts otherwise, over the
// samples that both runs answered. Lengths that a record does not tell (imported runs) give no finding.
std::vector<Finding> FindDuplicates(std::span<const JudgedRun> runs);

// {kind, runs, message}
nlohmann::json ToJson(const Finding& finding);

}  // namespace kvscope
