// The CUDA runtime's streams, events and graphs. Declared in NVIDIA's header: what differs from it does not
// compile.
#include <cuda_runtime.h>

#include <memory>
#include <utility>

#include "kernels/simt/last_error.h"
#include "kernels/simt/stream.h"

using namespace kvscope::simt;  // NOLINT: the functions below are of the global namespace

namespace {

// What a wait for a stream, or a look at it, returns in a capture, which that makes invalid.
cudaError_t CheckNotCaptured(const std::shared_ptr<Capture>& capture) {
  if (capture == nullptr) return cudaSuccess;
  capture->invalid = true;
  return Remember(cudaErrorStreamCaptureUnsupported);
}

cudaError_t CheckNotCaptured(const CUevent_st& event) {
  if (event.state->capture == nullptr) return cudaSuccess;
  event.state->capture->invalid = true;
  return Remember(cudaErrorCapturedEvent);
}

}  // namespace

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  if (flags != cudaStreamDefault && flags != cudaStreamNonBlocking) return Remember(cudaErrorInvalidValue);
  *stream = CreateStream(flags != cudaStreamNonBlocking);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  DestroyStream(StreamOf(stream));
  return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  CUstream_st& waited = StreamOf(stream);
  if (const cudaError_t error = CheckNotCaptured(waited.capture); error != cudaSuccess) return error;
  CountHostWait();
  FinishStream(waited);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  if (const cudaError_t error = CheckDeviceWait(); error != cudaSuccess) return Remember(error);
  CountHostWait();
  FinishAll();
  return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  CUstream_st& queried = StreamOf(stream);
  if (const cudaError_t error = CheckNotCaptured(queried.capture); error != cudaSuccess) return error;
  LetTimePass();
  return queried.queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  return Remember(Submit(stream, [function, argument] { function(argument); }));
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  *event = new CUevent_st;
  (*event)->has_time = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

// In a capture an event that is not external marks a place of the graph and is not recorded; an external one
// becomes a node, and is recorded at each launch of the graph.
cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) {
  const std::shared_ptr<EventState>& state = event->state;
  CUstream_st& recorded_in = StreamOf(stream);
  const bool external = flags == cudaEventRecordExternal;
  if (!external && flags != cudaEventRecordDefault) return Remember(cudaErrorInvalidValue);
  if (const cudaError_t error = CheckSubmit(recorded_in); error != cudaSuccess) return Remember(error);
  const bool captured = recorded_in.capture != nullptr;
  if (external && !captured) return Remember(cudaErrorInvalidValue);
  state->capture = external ? nullptr : recorded_in.capture;
  state->frontier = recorded_in.frontier;
  if (captured && !external) return cudaSuccess;
  state->stream = &recorded_in;
  const uint64_t recording = external ? 0 : ++state->recorded;
  return Remember(Submit(stream, [state, recording] {
    state->reached = recording != 0 ? recording : ++state->recorded;
    state->reached_at = std::chrono::steady_clock::now();
  }));
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  return cudaEventRecordWithFlags(event, stream, cudaEventRecordDefault);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  CUstream_st& waiting = StreamOf(stream);
  if (const cudaError_t error = CheckSubmit(waiting); error != cudaSuccess) return Remember(error);
  const std::shared_ptr<Capture>& capture = event->state->capture;
  if (capture == nullptr) {
    if (waiting.capture != nullptr && event->state->recorded > 0) {
      waiting.capture->invalid = true;
      return Remember(cudaErrorStreamCaptureIsolation);
    }
    if (event->state->recorded > 0) SubmitWait(waiting, event->state, event->state->recorded);
    return cudaSuccess;
  }
  if (capture->invalid) return Remember(cudaErrorStreamCaptureInvalidated);
  if (waiting.capture != nullptr && waiting.capture != capture) {
    waiting.capture->invalid = capture->invalid = true;
    return Remember(cudaErrorStreamCaptureMerge);
  }
  waiting.capture = capture;  // the stream joins it, if it is not there yet
  Join(waiting.frontier, event->state->frontier);
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = CheckNotCaptured(*event); error != cudaSuccess) return error;
  CountHostWait();
  FinishEvent(*event->state);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (const cudaError_t error = CheckNotCaptured(*event); error != cudaSuccess) return error;
  LetTimePass();
  return event->state->reached < event->state->recorded ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  for (const cudaEvent_t event : {start, end}) {
    if (!event->has_time || event->state->recorded == 0) return Remember(cudaErrorInvalidResourceHandle);
  }
  for (const cudaEvent_t event : {start, end}) {
    if (event->state->reached < event->state->recorded) return Remember(cudaErrorNotReady);
  }
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->state->reached_at - start->state->reached_at).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode) {
  CUstream_st& captured = StreamOf(stream);
  if (&captured == &StreamOf(nullptr)) return Remember(cudaErrorStreamCaptureUnsupported);
  if (captured.capture != nullptr) return Remember(cudaErrorIllegalState);
  captured.capture = std::make_shared<Capture>(Capture{.origin = &captured, .mode = mode});
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  CUstream_st& captured = StreamOf(stream);
  *graph = nullptr;
  const std::shared_ptr<Capture> capture = captured.capture;
  if (capture == nullptr) return Remember(cudaErrorIllegalState);
  if (capture->origin != &captured) {
    capture->invalid = true;
    return Remember(cudaErrorStreamCaptureUnmatched);
  }
  const bool joined = ReachesAll(*capture, captured.frontier);
  EndCapture(capture);
  if (capture->invalid) return Remember(cudaErrorStreamCaptureInvalidated);
  if (!joined) return Remember(cudaErrorStreamCaptureUnjoined);
  *graph = new CUgraph_st{std::make_shared<const std::vector<GraphNode>>(std::move(capture->nodes))};
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const std::shared_ptr<Capture>& capture = StreamOf(stream).capture;
  *status = capture == nullptr ? cudaStreamCaptureStatusNone
            : capture->invalid ? cudaStreamCaptureStatusInvalidated
                               : cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long flags) {
  if (graph == nullptr || flags != 0) return Remember(cudaErrorInvalidValue);
  CountGraph();
  *executable = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  if (executable == nullptr) return Remember(cudaErrorInvalidValue);
  return Remember(Submit(stream, [nodes = executable->nodes] { RunGraph(*nodes); }));
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}

}  // extern "C"
