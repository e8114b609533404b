#include "runtime/cuda/device_memory.h"

#include <new>

namespace kvscope {

void* DeviceLedger::Allocate(DevicePurpose purpose, size_t bytes) {
  void* data = nullptr;
  if (cudaMalloc(&data, bytes) != cudaSuccess) {
    cudaGetLastError();  // or the next launch would report it
    throw std::bad_alloc();
  }
  counts_[Index(purpose)].Add(bytes);
  all_.Add(bytes);
  return data;
}

void DeviceLedger::Free(DevicePurpose purpose, void* data, size_t bytes) {
  LogDeviceError(cudaFree(data), "cudaFree");
  counts_[Index(purpose)].bytes -= bytes;
  all_.bytes -= bytes;
}

std::map<std::string, size_t> DeviceLedger::PeakBytes() const {
  std::map<std::string, size_t> peak = {{"all", all_.peak}};
  for (size_t i = 0; i < counts_.size(); ++i) peak[kDevicePurposeNames[i]] = counts_[i].peak;
  return peak;
}

absl::Status DeviceStream::Create() {
  RETURN_IF_CUDA_ERROR(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  return absl::OkStatus();
}

DeviceStream::~DeviceStream() {
  if (stream_ != nullptr) LogDeviceError(cudaStreamDestroy(stream_), "cudaStreamDestroy");
}

}  // namespace kvscope
