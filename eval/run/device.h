// What a run can run on.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "runtime/engine/engine.h"

namespace kvscope {

// Those that this build knows: "cpu", and "cuda" (a build for GPUs) or "emulated" (one that was made with
// NVIDIA's headers).
std::span<const std::string_view> Devices();

// Unimplemented: a device that this build does not know. Unavailable: one that this machine does not have.
absl::Status CheckDevice(std::string_view device);

// What a run records of how it uses a device that is not the CPU: {"visible": CUDA_VISIBLE_DEVICES or null,
// "selection": where entries are chosen while decoding, "device" or "host", "selection_reason": why on the
// host}. Null for the CPU.
nlohmann::json DescribeDevice(std::string_view device, const Method& method);

// Clocks, power and throttling now (gpu_state.h); null for the CPU.
nlohmann::json DeviceState(std::string_view device);

// REQUIRES: CheckDevice; options.threads is above 0 for the CPU.
absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(std::shared_ptr<const Model> model,
                                                     const EngineOptions& options, std::string_view device);

// REQUIRES: CheckDevice.
absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(std::shared_ptr<const Model> model,
                                                   const EngineOptions& options, std::string_view device);

}  // namespace kvscope
