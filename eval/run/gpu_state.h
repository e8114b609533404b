// What a GPU runs at, by NVIDIA's management library (NVML), which is loaded where a driver brought it.
#pragma once

#include <string>

#include "nlohmann/json.hpp"

namespace kvscope {

inline constexpr char kNvmlLibrary[] = "libnvidia-ml.so.1";

// {driver, sm_clock_mhz, memory_clock_mhz, power_limit_w, power_w, temperature_c, throttle_reasons} of the
// GPU at `pci_bus_id` ("0000:3b:00.0"). What is not known is null, and `missing` says why: {field: reason},
// with "all" for all fields. `throttle_reasons`: why clocks are below what was asked for; an empty list: they
// are not.
nlohmann::json ReadGpuState(const std::string& pci_bus_id, const std::string& library = kNvmlLibrary);

// The same where nothing can be known, for this reason.
nlohmann::json UnknownGpuState(const std::string& reason);

}  // namespace kvscope
