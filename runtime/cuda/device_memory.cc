#include "runtime/cuda/device_memory.h"

#include <algorithm>
#include <new>

namespace kvscope {

void* DeviceLedger::Allocate(DevicePurpose purpose, size_t bytes) {
  void* data = nullptr;
  if (cudaMalloc(&data, bytes) != cudaSuccess) {
    cudaGetLastError();  // or the next launch would report it
    throw std::bad_alloc();
  }
  Count& count = counts_[Index(purpose)];
  count.bytes += bytes;
  count.peak = std::max(count.peak, count.bytes);
  return data;
}

void DeviceLedger::Free(DevicePurpose purpose, void* data, size_t bytes) {
  LogDeviceError(cudaFree(data), "cudaFree");
  counts_[Index(purpose)].bytes -= bytes;
}

absl::Status DeviceStream::Create() {
  RETURN_IF_CUDA_ERROR(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  return absl::OkStatus();
}

DeviceStream::~DeviceStream() {
  if (stream_ != nullptr) LogDeviceError(cudaStreamDestroy(stream_), "cudaStreamDestroy");
}

}  // namespace kvscope
