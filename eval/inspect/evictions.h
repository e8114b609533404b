// The budget ledger: what each head of each layer holds after each step, against what its method asked for,
// and what it gave up on the way.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/backend.h"

namespace kvscope {

struct LedgerRow {
  int step = 0;  // -1: prefill
  int layer = 0;
  int head = 0;              // cached head
  int tokens = 0;            // held after the step's eviction
  size_t kv_bytes = 0;       // tokens x row bytes
  size_t score_bytes = 0;    // scores kept from step to step for these tokens
  int requested_tokens = 0;  // the method's limit; -1: none
  std::vector<int> evicted;  // positions given up in this step, ascending
  std::vector<float>
      evicted_attention;  // what they received in that step, mean over the group; empty for prefill
};

struct LedgerOptions {
  size_t vocab = 0;
  int layers = 0;
  int heads = 0;  // cached ones: KV heads, or query heads where each has a cache of its own
  int query_heads = 0;
  size_t slot_bytes = 0;  // of one token's key and value in one head
  int steps = 0;
  std::vector<int> stop_ids;
};

// Decodes greedily under the method itself and passes a row on for each head after prefill and after every
// step.
absl::Status StreamLedger(Backend& backend, std::span<const int> prompt, const Method& method,
                          const LedgerOptions& options, const std::function<void(const LedgerRow&)>& on_row);

}  // namespace kvscope
