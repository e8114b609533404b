// The CUDA runtime's devices and errors: emulated ones of compute capability 9.0, of which a process uses the
// first.
#include <cuda_runtime.h>

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "kernels/simt/block.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/last_error.h"
#include "kernels/simt/options.h"

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
    {cudaErrorNoDevice, "cudaErrorNoDevice", "no CUDA-capable device is detected"},
    {cudaErrorInvalidDevice, "cudaErrorInvalidDevice", "invalid device ordinal"},
    {cudaErrorInvalidResourceHandle, "cudaErrorInvalidResourceHandle", "invalid resource handle"},
    {cudaErrorIllegalState, "cudaErrorIllegalState",
     "the operation cannot be performed in the present state"},
    {cudaErrorNotReady, "cudaErrorNotReady", "device not ready"},
    {cudaErrorNotSupported, "cudaErrorNotSupported", "operation not supported"},
    {cudaErrorStreamCaptureUnsupported, "cudaErrorStreamCaptureUnsupported",
     "operation not permitted when stream is capturing"},
    {cudaErrorStreamCaptureInvalidated, "cudaErrorStreamCaptureInvalidated",
     "operation failed due to a previous error during capture"},
    {cudaErrorStreamCaptureMerge, "cudaErrorStreamCaptureMerge",
     "operation would result in a merge of separate capture sequences"},
    {cudaErrorStreamCaptureUnmatched, "cudaErrorStreamCaptureUnmatched",
     "capture was not ended in the same stream as it began"},
    {cudaErrorStreamCaptureUnjoined, "cudaErrorStreamCaptureUnjoined", "capturing stream has unjoined work"},
    {cudaErrorStreamCaptureIsolation, "cudaErrorStreamCaptureIsolation",
     "dependency created on uncaptured work in another stream"},
    {cudaErrorStreamCaptureImplicit, "cudaErrorStreamCaptureImplicit",
     "operation would make the legacy stream depend on a capturing blocking stream"},
    {cudaErrorCapturedEvent, "cudaErrorCapturedEvent",
     "operation not permitted on an event last recorded in a capturing stream"},
};

const NamedError* Find(cudaError_t error) {
  for (const NamedError& known : kErrors) {
    if (known.error == error) return &known;
  }
  return nullptr;
}

// As CUDA reads CUDA_VISIBLE_DEVICES: a list of ordinals that ends at the first one that is none.
int VisibleDevices() {
  const int devices = CurrentOptions().devices;
  const char* const list = std::getenv("CUDA_VISIBLE_DEVICES");
  if (list == nullptr) return devices;
  int visible = 0;
  for (const char* at = list;; ++at) {
    int ordinal = -1;
    const auto [end, error] = std::from_chars(at, list + std::strlen(list), ordinal);
    if (error != std::errc() || ordinal < 0 || ordinal >= devices) return visible;
    ++visible;
    at = end;
    if (*at != ',') return visible;
  }
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
  *count = VisibleDevices();
  return *count > 0 ? cudaSuccess : Remember(cudaErrorNoDevice);
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
  properties->totalGlobalMem = CurrentOptions().device_bytes;
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
