// Weights on their way from mapped files to device memory: in shards, over several streams, through
// page-locked buffers, so that reading the file and copying to the device go on side by side.
#pragma once

#include <cuda_runtime.h>

#include <array>
#include <cstddef>

#include "runtime/cuda/device_memory.h"

namespace kvscope {

class WeightUpload {
 public:
  // A shard is at most so large; there are as many buffers as streams.
  explicit WeightUpload(size_t shard_bytes = size_t{16} << 20) : shard_bytes_(shard_bytes) {}
  WeightUpload(const WeightUpload&) = delete;
  WeightUpload& operator=(const WeightUpload&) = delete;
  ~WeightUpload();

  // `from` may be given back when this returns. Throws std::bad_alloc.
  absl::Status Copy(const std::byte* from, std::byte* to, size_t bytes);

  // Work that is put into `stream` from now on sees all that was copied.
  absl::Status Finish(cudaStream_t stream);

 private:
  struct Lane {
    DeviceStream stream;
    std::byte* buffer = nullptr;   // page-locked
    cudaEvent_t copied = nullptr;  // the buffer's content is on the device
  };

  absl::Status Prepare(Lane& lane) const;
  absl::Status CopyShard(const std::byte* from, std::byte* to, size_t bytes);

  const size_t shard_bytes_;
  std::array<Lane, 4> lanes_;
  size_t next_lane_ = 0;
};

}  // namespace kvscope
