// What makes two runs answer different questions, so that their difference says nothing of the methods.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "results/run_record.h"

namespace kvscope {

struct Mismatch {
  std::string_view kind;  // one of MismatchKinds()
  std::string message;    // "semantics is clean in the base, published in the candidate"
};

// "data", "device", "kv", "max_new_tokens", "model", "precision", "prompt_template", "semantics": what a
// caller may allow to differ.
std::vector<std::string> MismatchKinds();

// Methods and their budgets are what is compared: no mismatch. Models are told apart by their hashes, or by
// name where a run (an imported one) has none.
std::vector<Mismatch> FindMismatches(const RunRecord& base, const RunRecord& candidate);

}  // namespace kvscope
