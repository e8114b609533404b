// The CUDA runtime's streams, events and graphs. Declared in NVIDIA's header: what differs from it does not
// compile.
//
// A graph replays its work in the order of capture, one of those that its edges allow.
#include <cuda_runtime.h>

#include <memory>

#include "kernels/simt/last_error.h"
#include "kernels/simt/stream.h"

using namespace kvscope::simt;  // NOLINT: the functions below are of the global namespace

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
  if (waited.capture != nullptr) return Remember(cudaErrorStreamCaptureUnsupported);
  FinishStream(waited);
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize() {
  FinishAll();
  return cudaSuccess;
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  LetTimePass();
  return StreamOf(stream).queue.empty() ? cudaSuccess : cudaErrorNotReady;
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* argument) {
  Submit(stream, [function, argument] { function(argument); });
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const std::shared_ptr<EventState>& state = event->state;
  CUstream_st& recorded_in = StreamOf(stream);
  state->capture = recorded_in.capture;
  if (state->capture != nullptr) return cudaSuccess;
  state->stream = &recorded_in;
  Submit(stream, [state, recording = ++state->recorded] {
    state->reached = recording;
    state->reached_at = std::chrono::steady_clock::now();
  });
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  CUstream_st& waiting = StreamOf(stream);
  if (event->state->capture != nullptr) {
    waiting.capture = event->state->capture;  // the stream joins the capture
  } else if (event->state->recorded > 0) {
    SubmitWait(waiting, event->state, event->state->recorded);
  }
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  FinishEvent(*event->state);
  return cudaSuccess;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  LetTimePass();
  return event->state->reached < event->state->recorded ? cudaErrorNotReady : cudaSuccess;
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (start->state->recorded == 0 || end->state->recorded == 0)
    return Remember(cudaErrorInvalidResourceHandle);
  for (const cudaEvent_t event : {start, end}) {
    if (event->state->reached < event->state->recorded) return Remember(cudaErrorNotReady);
  }
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->state->reached_at - start->state->reached_at).count();
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (stream == nullptr) return Remember(cudaErrorStreamCaptureUnsupported);  // the legacy stream
  CUstream_st& captured = StreamOf(stream);
  if (captured.capture != nullptr) return Remember(cudaErrorIllegalState);
  captured.capture = std::make_shared<Capture>();
  captured.began_capture = true;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  CUstream_st& captured = StreamOf(stream);
  if (captured.capture == nullptr || !captured.began_capture) return Remember(cudaErrorIllegalState);
  const std::shared_ptr<Capture> capture = captured.capture;
  captured.began_capture = false;
  EndCapture(capture);
  *graph = new CUgraph_st{capture};
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
  *executable = new CUgraphExec_st{graph->work};
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  Submit(stream, [all = executable->work] {
    for (const Work& work : *all) work();
  });
  return cudaSuccess;
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
