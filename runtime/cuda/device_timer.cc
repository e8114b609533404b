#include "runtime/cuda/device_timer.h"

#include "runtime/cuda/device_status.h"

namespace kvscope {

DeviceTimer::~DeviceTimer() {
  for (const cudaEvent_t event : events_) LogDeviceError(cudaEventDestroy(event), "cudaEventDestroy");
}

absl::Status DeviceTimer::Record(cudaStream_t stream) {
  if (recorded_ == events_.size()) {
    cudaEvent_t event = nullptr;
    RETURN_IF_CUDA_ERROR(cudaEventCreate(&event));
    events_.push_back(event);
  }
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  RETURN_IF_CUDA_ERROR(cudaStreamIsCapturing(stream, &status));
  const unsigned flags =
      status == cudaStreamCaptureStatusNone ? cudaEventRecordDefault : cudaEventRecordExternal;
  RETURN_IF_CUDA_ERROR(cudaEventRecordWithFlags(events_[recorded_], stream, flags));
  ++recorded_;
  return absl::OkStatus();
}

absl::StatusOr<double> DeviceTimer::Seconds() const {
  double milliseconds = 0;
  for (size_t i = 0; i + 1 < recorded_; i += 2) {
    float stretch = 0;
    RETURN_IF_CUDA_ERROR(cudaEventElapsedTime(&stretch, events_[i], events_[i + 1]));
    milliseconds += stretch;
  }
  return milliseconds / 1000;
}

}  // namespace kvscope
