// Streams: queues of device work. As CurrentOptions() says, work runs at once, or it is deferred: it waits in
// its queue until something must wait for it, and then runs interleaved with other streams' work, drawn from
// the seed. A program that lacks a wait is wrong in some of these orders.
//
// The default stream is CUDA's legacy one: its work waits for all earlier work of blocking streams, and
// theirs for its. One host thread at a time may use the emulator.
#pragma once

#include <cuda_runtime.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>

#include "kernels/simt/capture.h"

namespace kvscope::simt {

// How often an event was recorded, and how many of these recordings the device has reached.
struct EventState {
  uint64_t recorded = 0;
  uint64_t reached = 0;
  std::chrono::steady_clock::time_point reached_at;
  CUstream_st* stream = nullptr;     // of the last recording
  std::shared_ptr<Capture> capture;  // that it was recorded in last; null: in none
  Frontier frontier;                 // of its stream then
};

// One entry of a queue: work, or where it waits for recording `recording` of `event`.
struct QueueEntry {
  uint64_t sequence;  // of submission, over all streams
  Work work;
  std::shared_ptr<EventState> event;
  uint64_t recording = 0;
};

// The stream itself. Checks that the handle is one, and ends the program if not.
CUstream_st& StreamOf(cudaStream_t handle);

CUstream_st* CreateStream(bool blocking);
// Its work still runs.
void DestroyStream(CUstream_st& stream);

// Puts work into a stream, or into what the stream is captured into. An error of capture: nothing was put.
cudaError_t Submit(cudaStream_t stream, Work work);
// Whether work can be put into the stream, as Submit says.
cudaError_t CheckSubmit(CUstream_st& stream);
void SubmitWait(CUstream_st& stream, std::shared_ptr<EventState> event, uint64_t recording);

// Run work until nothing is left of what was submitted to the stream, to all streams, or until the event's
// recording is reached. A wait that can never end is reported.
void FinishStream(CUstream_st& stream);
void FinishAll();
void FinishEvent(const EventState& event);

// Runs one entry that is ready, if there is one: what time passing does to a program that polls.
void LetTimePass();

// Leaves no stream in this capture.
void EndCapture(const std::shared_ptr<Capture>& capture);

// Runs a graph's nodes.
void RunGraph(const std::vector<GraphNode>& nodes);

// How often the host has waited for the device, or may have: synchronisations, copies into pageable memory,
// calls that free memory.
uint64_t HostWaits();
void CountHostWait();
// How many graphs were made ready to launch.
uint64_t GraphsInstantiated();
void CountGraph();

}  // namespace kvscope::simt

// CUDA's headers name these types and leave them to the runtime.
struct CUstream_st {
  bool blocking = true;
  bool destroyed = false;
  std::deque<kvscope::simt::QueueEntry> queue;
  std::shared_ptr<kvscope::simt::Capture> capture;  // null when not captured
  kvscope::simt::Frontier frontier;                 // of the capture: what the next node comes after
};

struct CUevent_st {
  bool has_time = true;
  std::shared_ptr<kvscope::simt::EventState> state = std::make_shared<kvscope::simt::EventState>();
};

struct CUgraph_st {
  std::shared_ptr<const std::vector<kvscope::simt::GraphNode>> nodes;
};

struct CUgraphExec_st {
  std::shared_ptr<const std::vector<kvscope::simt::GraphNode>> nodes;
};
