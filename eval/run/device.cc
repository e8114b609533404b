#include "eval/run/device.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "eval/run/gpu_state.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/status_macros.h"
#include "runtime/cpu/cpu_backend.h"
#if defined(KVSCOPE_DEVICE)
#include "runtime/cuda/cuda_backend.h"
#include "runtime/cuda/selection_place.h"
#endif

namespace kvscope {
namespace {

constexpr std::string_view kDevices[] = {
    "cpu",
#if defined(KVSCOPE_DEVICE)
    KVSCOPE_DEVICE,
#endif
};

}  // namespace

std::span<const std::string_view> Devices() { return kDevices; }

absl::Status CheckDevice(std::string_view device) {
  if (std::ranges::find(kDevices, device) == std::end(kDevices)) {
    return absl::UnimplementedError(
        fmt::format("--device {}: this build of kvscope has {} only", device, fmt::join(kDevices, " and ")));
  }
#if defined(KVSCOPE_DEVICE)
  if (device != "cpu") return CheckCudaDevice();
#endif
  return absl::OkStatus();
}

nlohmann::json DescribeDevice(std::string_view device, const Method& method) {
#if defined(KVSCOPE_DEVICE)
  if (device != "cpu") {
    const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
    const std::string_view reason = WhyHostSelects(method);
    nlohmann::json described = {{"visible", nullptr}, {"selection", reason.empty() ? "device" : "host"}};
    if (visible != nullptr) described["visible"] = visible;
    if (!reason.empty()) described["selection_reason"] = reason;
    return described;
  }
#endif
  (void)device, (void)method;
  return nullptr;
}

nlohmann::json DeviceState(std::string_view device) {
#if defined(KVSCOPE_DEVICE)
  if (device != "cpu") {
    const absl::StatusOr<std::string> bus_id = CudaDeviceBusId();
    return bus_id.ok() ? ReadGpuState(*bus_id) : UnknownGpuState(std::string(bus_id.status().message()));
  }
#endif
  (void)device;
  return nullptr;
}

absl::StatusOr<std::unique_ptr<Backend>> MakeBackend(std::shared_ptr<const Model> model,
                                                     const EngineOptions& options, std::string_view device) {
#if defined(KVSCOPE_DEVICE)
  if (device != "cpu")
    return MakeCudaBackend(std::move(model), options.precision, options.kv, options.cache_bytes);
#endif
  (void)device;
  return MakeCpuBackend(std::move(model), options.precision, options.kv, options.threads,
                        options.cache_bytes);
}

absl::StatusOr<std::unique_ptr<Engine>> MakeEngine(std::shared_ptr<const Model> model,
                                                   const EngineOptions& options, std::string_view device) {
  if (device == "cpu") return Engine::Create(std::move(model), options);
  ASSIGN_OR_RETURN(std::unique_ptr<Backend> backend, MakeBackend(model, options, device));
  return Engine::Create(std::move(model), options, std::move(backend));
}

}  // namespace kvscope
