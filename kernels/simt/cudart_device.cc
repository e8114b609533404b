// The CUDA runtime's devices and errors: one emulated device of compute capability 9.0.
#include <cuda_runtime.h>

#include <cstring>

#include "kernels/simt/block.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/last_error.h"

namespace kvscope::simt {
namespace {

constexpr int kMultiprocessors = 4;  // few: grids that depend on it stay small
cudaError_t g_last_error = cudaSuccess;

struct NamedError {
  cudaError_t error;
  const char* name;
  const char* text;
};

// The errors that the emulator returns.
constexpr NamedError kErrors[] = {
    {cudaSuccess, "cudaSuccess", "no error"},
    {cudaErrorInvalidValue, "cudaErrorInvalidValue", "invalid argument"},
    {cudaErrorMemoryAllocation, "cudaErrorMemoryAllocation", "out of memory"},
    {cudaErrorInvalidConfiguration, "cudaErrorInvalidConfiguration", "invalid configuration argument"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState",
     "the operation cannot be performed in the present state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
};

const NamedError* Find(cudaError_t error) {
  for (const NamedError& known : kErrors) {
    if (known.error == error) return &known;
  }
  return nullptr;
}

}  // namespace

cudaError_t Remember(cudaError_t error) {
  if (error != cudaSuccess) g_last_error = error;
  return error;
}

}  // namespace kvscope::simt

using namespace kvscope::simt;  // NOLINT: the functions below are of the global namespace

extern "C" {

cudaError_t cudaGetLastError() {
  const cudaError_t error = g_last_error;
  g_last_error = cudaSuccess;
  return error;
}

cudaError_t cudaPeekAtLastError() { return g_last_error; }

const char* cudaGetErrorName(cudaError_t error) {
  const NamedError* known = Find(error);
  return known != nullptr ? known->name : "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  const NamedError* known = Find(error);
  return known != nullptr ? known->text : "unrecognized error code";
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) { return device == 0 ? cudaSuccess : Remember(cudaErrorInvalidDevice); }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device != 0) return Remember(cudaErrorInvalidDevice);
  *properties = {};
  std::strcpy(properties->name, "emulated");
  properties->major = 9;
  properties->warpSize = kWarpLanes;
  properties->multiProcessorCount = kMultiprocessors;
  properties->maxThreadsPerBlock = kMaxBlockThreads;
  properties->sharedMemPerBlock = 48 * 1024;
  properties->sharedMemPerBlockOptin = kMaxSharedBytes;
  properties->totalGlobalMem = kDeviceBytes;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device != 0) return Remember(cudaErrorInvalidDevice);
  switch (attribute) {
    case cudaDevAttrComputeCapabilityMajor:
      *value = 9;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = kMultiprocessors;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = static_cast<int>(kMaxSharedBytes);
      return cudaSuccess;
    case cudaDevAttrWarpSize:
      *value = kWarpLanes;
      return cudaSuccess;
    default:
      return Remember(cudaErrorInvalidValue);
  }
}

}  // extern "C"
