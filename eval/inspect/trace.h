// Traces: what a run kept and gave up, step by step, in a file that two versions of the program can be
// compared by.
//
// Format kvscope-trace-1, JSON Lines. First line: {"format", "model_sha256", "prompt_sha256", "method",
// "layers", "heads"}. Then a line for each head of each layer of each step (step -1: prefill) that gave
// something up: {"step", "layer", "head", "tokens", "evicted": [positions, ascending], "attention": [what
// they received in that step, mean over the group; absent for prefill]}.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/inspect/evictions.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// The line of a ledger row.
nlohmann::json TraceLine(const LedgerRow& row);

struct Trace {
  nlohmann::json header;
  std::vector<LedgerRow> rows;  // those with evictions, in the order of the file
};

// DataLoss naming line and field when a line is not of the format.
absl::StatusOr<Trace> ReadTrace(const std::string& path);

// First difference in what was kept, as text: step, layer, head, the positions that only one of them gave up,
// and their attention. Empty where there is none. Attention itself is not compared: it differs by float
// noise.
std::string FirstDifference(const Trace& a, const Trace& b);

// SHA-256 over method and evictions, without attention: equal exactly where FirstDifference finds nothing.
std::string TraceHash(const Trace& trace);

}  // namespace kvscope
