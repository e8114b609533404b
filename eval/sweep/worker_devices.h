// Which CUDA devices a sweep's workers use: each has one, the only one that its process sees.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

// What CUDA_VISIBLE_DEVICES must say in a worker's process for each of `list`, ordinals such as "0,2".
// `visible`: the variable's own value in this process, whose devices are counted; empty: all of the machine.
// InvalidArgument: `list` is none, names a device twice, or one that is not visible.
absl::StatusOr<std::vector<std::string>> WorkerDevices(std::string_view list, std::string_view visible);

}  // namespace kvscope
