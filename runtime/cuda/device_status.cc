#include "runtime/cuda/device_status.h"

#include "fmt/format.h"

namespace kvscope {

absl::Status DeviceStatus(cudaError_t error, const char* call, std::source_location where) {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message = fmt::format("{}:{}: {}: {} ({})", where.file_name(), where.line(), call,
                                          cudaGetErrorString(error), cudaGetErrorName(error));
  return error == cudaErrorMemoryAllocation ? absl::ResourceExhaustedError(message)
                                            : absl::InternalError(message);
}

void LogDeviceError(cudaError_t error, const char* call, std::source_location where) {
  const absl::Status status = DeviceStatus(error, call, where);
  if (!status.ok()) fmt::print(stderr, "{}\n", std::string(status.message()));
}

}  // namespace kvscope
