#include "eval/sweep/device_figures.h"

#include <algorithm>

#include "embedded/devices_json.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/json_fields.h"
#include "results/base/jsonl.h"
#include "results/base/status_macros.h"
#include "runtime/cpu/cpu_speed.h"

namespace kvscope {
namespace {

constexpr const char* kCpu = "cpu";

absl::StatusOr<std::vector<DeviceFigures>> ReadDevices() {
  ASSIGN_OR_RETURN(const nlohmann::json json, ParseJson(embedded::devices_json(), "devices.json"));
  std::vector<DeviceFigures> devices;
  for (const nlohmann::json& entry : json.at("devices")) {
    const JsonFields fields(entry, "devices.json");
    DeviceFigures& device = devices.emplace_back();
    RETURN_IF_ERROR(fields.Read("name", device.name));
    RETURN_IF_ERROR(fields.Read("memory_bytes", device.memory_bytes));
    RETURN_IF_ERROR(fields.Read("bytes_per_s", device.bytes_per_s));
    RETURN_IF_ERROR(fields.Read("flops_per_s", device.flops_per_s));
    RETURN_IF_ERROR(fields.Read("prefill_efficiency", device.prefill_efficiency));
    RETURN_IF_ERROR(fields.Read("decode_efficiency", device.decode_efficiency));
    RETURN_IF_ERROR(fields.Read("source", device.source));
  }
  return devices;
}

}  // namespace

std::vector<std::string> DeviceNames() {
  std::vector<std::string> names = {kCpu};
  if (const auto devices = ReadDevices(); devices.ok())
    for (const DeviceFigures& device : *devices) names.push_back(device.name);
  return names;
}

absl::StatusOr<DeviceFigures> FindDevice(const std::string& name, int threads) {
  if (name == kCpu) {
    const CpuSpeed speed = MeasureCpuSpeed(threads);
    // A prefill also attends, and a decode step selects: what they reach of these figures was measured on
    // SmolLM2-135M in bf16, two threads.
    constexpr double kPrefillEfficiency = 0.4, kDecodeEfficiency = 0.7;
    return DeviceFigures{.name = kCpu,
                         .bytes_per_s = speed.bytes_per_s,
                         .flops_per_s = speed.flops_per_s,
                         .prefill_efficiency = kPrefillEfficiency,
                         .decode_efficiency = kDecodeEfficiency,
                         .source = fmt::format("measured now, {} threads", threads)};
  }
  ASSIGN_OR_RETURN(const std::vector<DeviceFigures> devices, ReadDevices());
  const auto found = std::ranges::find(devices, name, &DeviceFigures::name);
  if (found != devices.end()) return *found;
  return absl::InvalidArgumentError(
      fmt::format("--on: expected one of {}, found '{}'", fmt::join(DeviceNames(), ", "), name));
}

}  // namespace kvscope
