// What a device can do at best, from a data file; of this machine's CPU, from a short measurement.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

struct DeviceFigures {
  std::string name;
  double memory_bytes = 0;
  double bytes_per_s = 0;         // memory bandwidth
  double flops_per_s = 0;         // in the arithmetic of a prefill
  double prefill_efficiency = 1;  // parts of these that are expected of the runtime
  double decode_efficiency = 1;
  std::string source;  // who says so
};

// "cpu" measures, for about a second. InvalidArgument listing the names there are.
absl::StatusOr<DeviceFigures> FindDevice(const std::string& name, int threads);

std::vector<std::string> DeviceNames();

}  // namespace kvscope
