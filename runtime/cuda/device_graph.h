// Work of a stream that is captured once and then launched as one.
#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <utility>

#include "absl/status/statusor.h"

namespace kvscope {

class DeviceGraph {
 public:
  // What `submit` puts into the stream, which must neither wait nor allocate nor free. Nothing of it runs.
  static absl::StatusOr<DeviceGraph> Capture(cudaStream_t stream,
                                             const std::function<absl::Status()>& submit);

  DeviceGraph(DeviceGraph&& other) noexcept : executable_(std::exchange(other.executable_, nullptr)) {}
  DeviceGraph& operator=(DeviceGraph&&) = delete;
  ~DeviceGraph();

  absl::Status Launch(cudaStream_t stream) const;

 private:
  explicit DeviceGraph(cudaGraphExec_t executable) : executable_(executable) {}

  cudaGraphExec_t executable_;
};

}  // namespace kvscope
