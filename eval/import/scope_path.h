// What the path of a published prediction file says.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace kvscope {

// PREFILL+DECODE_decoding_window_W_recent_window_R/MODEL_C/TASK/PREFILL.json, in our names.
struct ScopeCell {
  std::string prefill;  // "h2o"
  std::string decode;   // "slide"
  int window = 0;
  int recent = 0;
  std::string model;
  int prefill_budget = 0;
  std::string task;  // "gsm8k+"
};

// The last four parts of `path`. InvalidArgument naming the part that is not as above, or the file name when
// it is not that of the folder's prefill policy.
absl::StatusOr<ScopeCell> ParseScopePath(const std::string& path);

}  // namespace kvscope
