// How long caches are under a method, without a model: budgets and steps decide, not scores.
#pragma once

#include <cstddef>

#include "absl/status/statusor.h"
#include "runtime/methods/method.h"

namespace kvscope::roofline {

struct CacheLengths {
  double mean_attended = 0;  // entries that a head attends to in a decode step, over steps and layers
  size_t peak_entries = 0;   // of one head in each layer, added up over layers, at the worst time
};

// A prompt of `prompt` tokens, then `new_tokens` of them. InvalidArgument: no tokens. FailedPrecondition: the
// method cannot run on such a prompt.
absl::StatusOr<CacheLengths> PlayMethod(const Method& method, size_t layers, size_t prompt,
                                        size_t new_tokens);

}  // namespace kvscope::roofline
