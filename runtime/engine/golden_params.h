// The settings that recorded runs of the reference implementation carry ("params": prefill, decode, C, w, W,
// R, T).
#pragma once

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "runtime/methods/method.h"

namespace kvscope {

// Throws nlohmann's exceptions where a field is absent: for tests.
absl::StatusOr<Method> MethodOfParams(const nlohmann::json& params, Semantics semantics);

}  // namespace kvscope
