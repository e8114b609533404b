#include "runtime/cuda/device_graph.h"

#include "absl/cleanup/cleanup.h"
#include "runtime/cuda/device_status.h"

namespace kvscope {

absl::StatusOr<DeviceGraph> DeviceGraph::Capture(cudaStream_t stream,
                                                 const std::function<absl::Status()>& submit) {
  RETURN_IF_CUDA_ERROR(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  const absl::Status submitted = submit();
  cudaGraph_t graph = nullptr;
  const cudaError_t ended = cudaStreamEndCapture(stream, &graph);  // also where submitting failed
  const absl::Cleanup destroy = [&graph] {
    if (graph != nullptr) LogDeviceError(cudaGraphDestroy(graph), "cudaGraphDestroy");
  };
  RETURN_IF_ERROR(submitted);
  RETURN_IF_CUDA_ERROR(ended);
  cudaGraphExec_t executable = nullptr;
  RETURN_IF_CUDA_ERROR(cudaGraphInstantiate(&executable, graph, 0));
  return DeviceGraph(executable);
}

DeviceGraph::~DeviceGraph() {
  if (executable_ != nullptr) LogDeviceError(cudaGraphExecDestroy(executable_), "cudaGraphExecDestroy");
}

absl::Status DeviceGraph::Launch(cudaStream_t stream) const {
  RETURN_IF_CUDA_ERROR(cudaGraphLaunch(executable_, stream));
  return absl::OkStatus();
}

}  // namespace kvscope
