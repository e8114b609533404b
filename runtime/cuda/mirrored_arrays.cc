#include "runtime/cuda/mirrored_arrays.h"

#include <new>

namespace kvscope {

void MirroredArrays::FreeHost() {
  if (host_ != nullptr) LogDeviceError(cudaFreeHost(host_), "cudaFreeHost");
  host_ = nullptr;
  host_bytes_ = 0;
}

void MirroredArrays::Allocate() {
  device_.Grow(bytes_);
  if (bytes_ <= host_bytes_) return;
  FreeHost();
  const size_t bytes = bytes_ + bytes_ / 2;
  if (cudaMallocHost(reinterpret_cast<void**>(&host_), bytes) != cudaSuccess) {
    cudaGetLastError();  // or the next launch would report it
    host_ = nullptr;
    throw std::bad_alloc();
  }
  host_bytes_ = bytes;
}

absl::Status MirroredArrays::Upload(cudaStream_t stream) {
  if (bytes_ == 0) return absl::OkStatus();
  RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(device_.data(), host_, bytes_, cudaMemcpyHostToDevice, stream));
  return absl::OkStatus();
}

absl::Status MirroredArrays::Download(cudaStream_t stream) {
  if (bytes_ == 0) return absl::OkStatus();
  RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(host_, device_.data(), bytes_, cudaMemcpyDeviceToHost, stream));
  return absl::OkStatus();
}

}  // namespace kvscope
