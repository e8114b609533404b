#include "runtime/cuda/weight_upload.h"

#include <algorithm>
#include <cstring>
#include <new>

namespace kvscope {

WeightUpload::~WeightUpload() {
  for (Lane& lane : lanes_) {
    if (lane.copied != nullptr) LogDeviceError(cudaEventDestroy(lane.copied), "cudaEventDestroy");
    if (lane.buffer == nullptr) continue;
    LogDeviceError(cudaStreamSynchronize(lane.stream.get()), "cudaStreamSynchronize");
    LogDeviceError(cudaFreeHost(lane.buffer), "cudaFreeHost");
  }
}

// Lanes are made as they are needed: small models fill few.
absl::Status WeightUpload::Prepare(Lane& lane) const {
  if (lane.stream.get() == nullptr) {
    RETURN_IF_ERROR(lane.stream.Create());
    RETURN_IF_CUDA_ERROR(cudaEventCreateWithFlags(&lane.copied, cudaEventDisableTiming));
    if (cudaMallocHost(reinterpret_cast<void**>(&lane.buffer), shard_bytes_) != cudaSuccess) {
      cudaGetLastError();  // or the next launch would report it
      lane.buffer = nullptr;
      throw std::bad_alloc();
    }
  }
  RETURN_IF_CUDA_ERROR(cudaEventSynchronize(lane.copied));
  return absl::OkStatus();
}

absl::Status WeightUpload::CopyShard(const std::byte* from, std::byte* to, size_t bytes) {
  Lane& lane = lanes_[next_lane_];
  next_lane_ = (next_lane_ + 1) % lanes_.size();
  RETURN_IF_ERROR(Prepare(lane));
  std::memcpy(lane.buffer, from, bytes);
  RETURN_IF_CUDA_ERROR(cudaMemcpyAsync(to, lane.buffer, bytes, cudaMemcpyHostToDevice, lane.stream.get()));
  RETURN_IF_CUDA_ERROR(cudaEventRecord(lane.copied, lane.stream.get()));
  return absl::OkStatus();
}

absl::Status WeightUpload::Copy(const std::byte* from, std::byte* to, size_t bytes) {
  for (size_t done = 0; done < bytes; done += shard_bytes_) {
    RETURN_IF_ERROR(CopyShard(from + done, to + done, std::min(shard_bytes_, bytes - done)));
  }
  return absl::OkStatus();
}

absl::Status WeightUpload::Finish(cudaStream_t stream) {
  for (const Lane& lane : lanes_) {
    if (lane.copied != nullptr) RETURN_IF_CUDA_ERROR(cudaStreamWaitEvent(stream, lane.copied, 0));
  }
  return absl::OkStatus();
}

}  // namespace kvscope
