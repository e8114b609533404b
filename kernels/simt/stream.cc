#include "kernels/simt/stream.h"

#include <algorithm>
#include <random>
#include <utility>

#include "kernels/simt/device_memory.h"
#include "kernels/simt/options.h"
#include "kernels/simt/report.h"

namespace kvscope::simt {
namespace {

struct Streams {
  CUstream_st legacy_default;
  std::vector<std::unique_ptr<CUstream_st>> created;
  uint64_t submitted = 0;
  uint64_t host_waits = 0;
  uint64_t graphs = 0;
  uint64_t seed = 0;
  std::mt19937_64 random;
};

Streams& TheStreams() {
  static Streams& streams = *new Streams;
  return streams;
}

uint64_t Draw() {
  Streams& streams = TheStreams();
  if (const uint64_t seed = CurrentOptions().seed; seed != streams.seed) {
    streams.seed = seed;
    streams.random.seed(seed);
  }
  return streams.random();
}

template <class Visit>
void ForEachStream(Visit visit) {
  Streams& streams = TheStreams();
  visit(streams.legacy_default);
  for (const auto& stream : streams.created) visit(*stream);
}

bool HasWorkBefore(const CUstream_st& stream, uint64_t sequence) {
  return !stream.queue.empty() && stream.queue.front().sequence < sequence;
}

// Whether the first entry of the stream's queue may run now.
bool IsReady(const CUstream_st& stream) {
  const Streams& streams = TheStreams();
  if (stream.queue.empty()) return false;
  const QueueEntry& entry = stream.queue.front();
  if (entry.event != nullptr && entry.event->reached < entry.recording) return false;
  if (!stream.blocking) return true;
  if (&stream != &streams.legacy_default) return !HasWorkBefore(streams.legacy_default, entry.sequence);
  return std::none_of(streams.created.begin(), streams.created.end(), [&](const auto& other) {
    return other->blocking && HasWorkBefore(*other, entry.sequence);
  });
}

void RunWork(const Work& work) {
  const DeviceAccess access;
  work();
}

void RunFirst(CUstream_st& stream) {
  QueueEntry entry = std::move(stream.queue.front());
  stream.queue.pop_front();
  if (entry.work) RunWork(entry.work);
}

// Runs one ready entry, of `preferred` (may be null) in half of the cases where that can be. False when none
// is ready.
bool RunOne(CUstream_st* preferred) {
  std::vector<CUstream_st*> ready;
  ForEachStream([&](CUstream_st& stream) {
    if (IsReady(stream)) ready.push_back(&stream);
  });
  if (ready.empty()) return false;
  const bool prefer = std::find(ready.begin(), ready.end(), preferred) != ready.end() && Draw() % 2 == 0;
  RunFirst(prefer ? *preferred : *ready[Draw() % ready.size()]);
  std::erase_if(TheStreams().created,
                [](const auto& stream) { return stream->destroyed && stream->queue.empty(); });
  return true;
}

void Enqueue(CUstream_st& stream, QueueEntry entry) {
  stream.queue.push_back(std::move(entry));
  if (!CurrentOptions().deferred_streams) FinishAll();
}

[[noreturn]] void ReportStreamDeadlock() {
  Fatal("a stream waits for an event that no work left to do reaches");
}

}  // namespace

CUstream_st& StreamOf(cudaStream_t handle) {
  Streams& streams = TheStreams();
  if (handle == nullptr || handle == cudaStreamLegacy) return streams.legacy_default;
  if (handle == cudaStreamPerThread) Fatal("cudaStreamPerThread is not emulated");
  const auto found = std::find_if(streams.created.begin(), streams.created.end(), [&](const auto& stream) {
    return stream.get() == handle && !stream->destroyed;
  });
  if (found == streams.created.end()) Fatal("a stream is used that does not exist, or was destroyed");
  return **found;
}

CUstream_st* CreateStream(bool blocking) {
  auto stream = std::make_unique<CUstream_st>();
  stream->blocking = blocking;
  return TheStreams().created.emplace_back(std::move(stream)).get();
}

void DestroyStream(CUstream_st& stream) {
  stream.destroyed = true;
  std::erase_if(TheStreams().created,
                [](const auto& other) { return other->destroyed && other->queue.empty(); });
}

cudaError_t CheckSubmit(CUstream_st& stream) {
  if (stream.capture != nullptr && stream.capture->invalid) return cudaErrorStreamCaptureInvalidated;
  if (&stream != &TheStreams().legacy_default) return cudaSuccess;
  // Work of the legacy stream would wait for the captured work of blocking streams.
  cudaError_t error = cudaSuccess;
  ForEachStream([&](CUstream_st& other) {
    if (other.capture == nullptr || !other.blocking) return;
    other.capture->invalid = true;
    error = cudaErrorStreamCaptureImplicit;
  });
  return error;
}

cudaError_t Submit(cudaStream_t handle, Work work) {
  CUstream_st& stream = StreamOf(handle);
  if (const cudaError_t error = CheckSubmit(stream); error != cudaSuccess) return error;
  if (stream.capture != nullptr) {
    AddNode(*stream.capture, stream.frontier, std::move(work));
  } else {
    Enqueue(stream, {TheStreams().submitted++, std::move(work), nullptr});
  }
  return cudaSuccess;
}

void SubmitWait(CUstream_st& stream, std::shared_ptr<EventState> event, uint64_t recording) {
  Enqueue(stream, {TheStreams().submitted++, nullptr, std::move(event), recording});
}

void FinishStream(CUstream_st& stream) {
  while (!stream.queue.empty()) {
    if (!RunOne(&stream)) ReportStreamDeadlock();
  }
}

void FinishAll() {
  const auto any_left = [] {
    bool any = false;
    ForEachStream([&](const CUstream_st& stream) { any |= !stream.queue.empty(); });
    return any;
  };
  while (any_left()) {
    if (!RunOne(nullptr)) ReportStreamDeadlock();
  }
}

void FinishEvent(const EventState& event) {
  const uint64_t recording = event.recorded;
  while (event.reached < recording) {
    if (!RunOne(event.stream)) ReportStreamDeadlock();
  }
}

void LetTimePass() { RunOne(nullptr); }

void EndCapture(const std::shared_ptr<Capture>& capture) {
  ForEachStream([&](CUstream_st& stream) {
    if (stream.capture != capture) return;
    stream.capture = nullptr;
    stream.frontier.clear();
  });
}

void RunGraph(const std::vector<GraphNode>& nodes) { Replay(nodes, CurrentOptions().deferred_streams, Draw); }

cudaError_t CheckUnsafeCall() {
  cudaError_t error = cudaSuccess;
  ForEachStream([&](CUstream_st& stream) {
    if (stream.capture == nullptr || stream.capture->mode == cudaStreamCaptureModeRelaxed) return;
    stream.capture->invalid = true;
    error = cudaErrorStreamCaptureUnsupported;
  });
  return error;
}

cudaError_t CheckDeviceWait() {
  cudaError_t error = cudaSuccess;
  ForEachStream([&](CUstream_st& stream) {
    if (stream.capture == nullptr) return;
    stream.capture->invalid = true;
    error = cudaErrorStreamCaptureUnsupported;
  });
  return error;
}

uint64_t HostWaits() { return TheStreams().host_waits; }
void CountHostWait() { ++TheStreams().host_waits; }
uint64_t GraphsInstantiated() { return TheStreams().graphs; }
void CountGraph() { ++TheStreams().graphs; }

}  // namespace kvscope::simt
