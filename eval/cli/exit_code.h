// The program's exit codes: part of the contract with scripts.
#pragma once

#include "absl/status/status.h"

namespace kvscope {

enum class ExitCode {
  kDone = 0,          // done, or the check passes
  kFails = 1,         // a gate or a claim fails
  kUsage = 2,         // flags, configuration, or a folder that holds another run
  kInconclusive = 3,  // the statistics cannot decide
  kIncomplete = 4,    // a run is incomplete or its data are invalid
  kAbsent = 5,        // something needed is absent: a file, a device, the network, a part not built
};

ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace kvscope
