// Errors of the CUDA runtime as Status.
#pragma once

#include <cuda_runtime.h>

#include <source_location>

#include "absl/status/status.h"
#include "results/base/status_macros.h"

namespace kvscope {

// OK, or what `call` said: ResourceExhausted where memory is out, else Internal.
absl::Status DeviceStatus(cudaError_t error, const char* call,
                          std::source_location where = std::source_location::current());

// Writes what `call` said to stderr, unless that is OK: for destructors, which have nobody to tell.
void LogDeviceError(cudaError_t error, const char* call,
                    std::source_location where = std::source_location::current());

// Returns from the enclosing function when `call`, of type cudaError_t, is not cudaSuccess.
#define RETURN_IF_CUDA_ERROR(call) RETURN_IF_ERROR(::kvscope::DeviceStatus((call), #call))

}  // namespace kvscope
