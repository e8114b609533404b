// The CUDA runtime's memory: allocations, copies, fills. Declared in NVIDIA's header: what differs from it
// does not compile.
//
// A copy from or to host memory that cudaMallocHost did not give is as CUDA documents it ("API
// synchronization behavior"): the source may be overwritten when the call returns, and the target is filled
// by then. From and to pinned memory copies are as asynchronous as kernels are.
#include <cuda_runtime.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "kernels/simt/device_memory.h"
#include "kernels/simt/last_error.h"
#include "kernels/simt/options.h"
#include "kernels/simt/stream.h"

using namespace kvscope::simt;  // NOLINT: the functions below are of the global namespace

namespace {

constexpr size_t kHostAlignment = 256;

// What cudaMallocHost gave: beginning and bytes.
std::map<const std::byte*, size_t>& PinnedAllocations() {
  static auto& allocations = *new std::map<const std::byte*, size_t>;
  return allocations;
}

bool IsPinned(const void* address) {
  auto after = PinnedAllocations().upper_bound(static_cast<const std::byte*>(address));
  if (after == PinnedAllocations().begin()) return false;
  const auto& [begin, bytes] = *--after;
  return static_cast<const std::byte*>(address) < begin + bytes;
}

// Rows of `width` bytes.
struct Copy {
  std::byte* to;
  size_t to_pitch;
  const std::byte* from;
  size_t from_pitch;
  size_t width;
  size_t height;

  size_t ToBytes() const { return (height - 1) * to_pitch + width; }
  size_t FromBytes() const { return (height - 1) * from_pitch + width; }

  void Run() const {
    for (size_t row = 0; row < height; ++row)
      std::memcpy(to + row * to_pitch, from + row * from_pitch, width);
  }
};

// Whether the two sides are where `kind` says, and in one allocation each.
bool IsValid(const Copy& copy, cudaMemcpyKind kind) {
  if (copy.width > copy.to_pitch || copy.width > copy.from_pitch) return false;
  const bool to_device = IsDevice(copy.to);
  const bool from_device = IsDevice(copy.from);
  if (to_device && !IsAllocated(copy.to, copy.ToBytes())) return false;
  if (from_device && !IsAllocated(copy.from, copy.FromBytes())) return false;
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
      return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
      return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:
      return to_device && from_device;
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

cudaError_t SubmitCopy(const Copy& copy, cudaMemcpyKind kind, cudaStream_t stream) {
  if (copy.width == 0 || copy.height == 0) return cudaSuccess;
  if (!IsValid(copy, kind)) return Remember(cudaErrorInvalidValue);
  CUstream_st& queue = StreamOf(stream);
  const bool captured = queue.capture != nullptr;
  const bool from_pageable = !IsDevice(copy.from) && !IsPinned(copy.from);
  const bool to_pageable = !IsDevice(copy.to) && !IsPinned(copy.to);
  Work work = [copy] { copy.Run(); };
  if (from_pageable && !captured) {
    std::vector<std::byte> staged(copy.from, copy.from + copy.FromBytes());
    work = [staged = std::move(staged), staged_copy = Copy(copy)]() mutable {
      staged_copy.from = staged.data();
      staged_copy.Run();
    };
  }
  if (const cudaError_t error = Submit(stream, std::move(work)); error != cudaSuccess) return Remember(error);
  if (to_pageable && !captured) {
    CountHostWait();
    FinishStream(queue);
  }
  return cudaSuccess;
}

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** pointer, size_t bytes) {
  if (const cudaError_t error = CheckUnsafeCall(); error != cudaSuccess) return Remember(error);
  *pointer = bytes > 0 ? AllocateDevice(bytes) : nullptr;
  return *pointer != nullptr || bytes == 0 ? cudaSuccess : Remember(cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void* pointer) {
  if (const cudaError_t error = CheckUnsafeCall(); error != cudaSuccess) return Remember(error);
  if (pointer == nullptr) return cudaSuccess;
  CountHostWait();
  FinishAll();
  return FreeDevice(pointer) ? cudaSuccess : Remember(cudaErrorInvalidValue);
}

cudaError_t cudaMallocAsync(void** pointer, size_t bytes, cudaStream_t stream) {
  if (StreamOf(stream).capture != nullptr) return Remember(cudaErrorNotSupported);  // a node: not emulated
  return cudaMalloc(pointer, bytes);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  if (pointer == nullptr) return cudaSuccess;
  if (!IsAllocated(pointer, 1)) return Remember(cudaErrorInvalidValue);
  return Remember(Submit(stream, [pointer] {
    if (!FreeDevice(pointer)) Remember(cudaErrorInvalidValue);
  }));
}

cudaError_t cudaMallocHost(void** pointer, size_t bytes) {
  if (const cudaError_t error = CheckUnsafeCall(); error != cudaSuccess) return Remember(error);
  *pointer =
      std::aligned_alloc(kHostAlignment, (bytes + kHostAlignment - 1) / kHostAlignment * kHostAlignment);
  if (*pointer == nullptr) return Remember(cudaErrorMemoryAllocation);
  PinnedAllocations().emplace(static_cast<const std::byte*>(*pointer), bytes);
  return cudaSuccess;
}

cudaError_t cudaHostAlloc(void** pointer, size_t bytes, unsigned) { return cudaMallocHost(pointer, bytes); }

cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t error = CheckUnsafeCall(); error != cudaSuccess) return Remember(error);
  if (pointer == nullptr) return cudaSuccess;
  CountHostWait();
  FinishAll();
  if (PinnedAllocations().erase(static_cast<const std::byte*>(pointer)) == 0)
    return Remember(cudaErrorInvalidValue);
  std::free(pointer);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}

cudaError_t cudaMemcpy2DAsync(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width,
                              size_t height, cudaMemcpyKind kind, cudaStream_t stream) {
  return SubmitCopy(
      {static_cast<std::byte*>(to), to_pitch, static_cast<const std::byte*>(from), from_pitch, width, height},
      kind, stream);
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t error = CheckUnsafeCall(); error != cudaSuccess) return Remember(error);
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  if (error == cudaSuccess && kind != cudaMemcpyDeviceToDevice) {
    CountHostWait();
    FinishStream(StreamOf(nullptr));
  }
  return error;
}

cudaError_t cudaMemsetAsync(void* to, int value, size_t bytes, cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  if (!IsAllocated(to, bytes)) return Remember(cudaErrorInvalidValue);
  return Remember(Submit(stream, [to, value, bytes] { std::memset(to, value, bytes); }));
}

cudaError_t cudaMemset(void* to, int value, size_t bytes) {
  if (const cudaError_t error = CheckUnsafeCall(); error != cudaSuccess) return Remember(error);
  return cudaMemsetAsync(to, value, bytes, nullptr);
}

cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  *total_bytes = CurrentOptions().device_bytes;
  *free_bytes = *total_bytes - std::min(*total_bytes, AllocatedDeviceBytes());
  return cudaSuccess;
}

}  // extern "C"
