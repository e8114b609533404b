// What stretches of a stream's work take on the device, by events; also of work that a graph captures.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

class DeviceTimer {
 public:
  DeviceTimer() = default;
  DeviceTimer(const DeviceTimer&) = delete;
  DeviceTimer& operator=(const DeviceTimer&) = delete;
  ~DeviceTimer();

  // Forgets what was measured.
  void Restart() { recorded_ = 0; }

  // Around a stretch. Where the stream is captured, each launch of the graph measures it anew.
  absl::Status Start(cudaStream_t stream) { return Record(stream); }
  absl::Status Stop(cudaStream_t stream) { return Record(stream); }

  // Of all stretches since Restart, or of the last launch. REQUIRES: the device is done with them.
  absl::StatusOr<double> Seconds() const;

 private:
  absl::Status Record(cudaStream_t stream);

  std::vector<cudaEvent_t> events_;  // of stretches' beginnings and ends in turn
  size_t recorded_ = 0;
};

}  // namespace kvscope
