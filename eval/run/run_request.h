// What `kvscope run` is asked to do: its flags, as given.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace kvscope {

// A flag left out is nullopt or empty where its value depends on others; see run_defaults.h.
struct RunRequest {
  std::string model;
  std::string task;
  std::string length;  // or `questions`
  int questions = 0;
  uint64_t seed = 0;
  double filler = 0;  // Arith+: sentences a question
  std::string method = "full";
  std::optional<int> prefill_budget;
  int observation_window = 8;
  int window = 512;
  int recent = 256;
  std::string group_score = "mean";
  std::string head_budget = "uniform";
  bool per_query_head = false;
  std::optional<int> max_new_tokens;
  std::string semantics = "clean";
  std::string precision = "auto";
  std::string kv = "auto";
  std::string device = "cpu";
  int threads = 0;  // 0: one a core
  int batch = 1;
  int limit = 0;  // prompts; 0: all
  bool timing = false;
  std::string out;
};

// InvalidArgument: flags that contradict each other or are out of range. Unimplemented: a cache type
// or device of the contract that this version does not have.
absl::Status CheckRequest(const RunRequest& request);

}  // namespace kvscope
