// Graphs: work of streams that is captured instead of run. A captured stream knows after which nodes its next
// one comes; waits for captured events add to them. So a graph can be replayed in any order that its edges
// allow, and a fork that was not joined is seen.
//
// While a capture is under way the program may not ask for what would wait for it, or might: the capture is
// invalid from then on, as CUDA documents ("Prohibited and Unhandled Operations", "Invalidation").
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace kvscope::simt {

using Work = std::function<void()>;

struct GraphNode {
  Work work;
  std::vector<size_t> after;  // nodes, all before this one
};

struct Capture {
  CUstream_st* origin = nullptr;  // where it began
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  bool invalid = false;
  std::vector<GraphNode> nodes;
};

// Nodes after which the next one of a captured stream comes.
using Frontier = std::vector<size_t>;

// Adds a node behind `frontier`, which then is that node.
void AddNode(Capture& capture, Frontier& frontier, Work work);
void Join(Frontier& frontier, const Frontier& other);

// Whether all nodes come before what follows `frontier`.
bool ReachesAll(const Capture& capture, const Frontier& frontier);

// Runs all nodes: in the order of capture, or, where streams are deferred, in one of those that the edges
// allow, drawn by `draw`.
void Replay(const std::vector<GraphNode>& nodes, bool any_order, const std::function<uint64_t()>& draw);

// For calls that the host may wait in (cudaMalloc and so on). cudaSuccess, or what they return while a stream
// is captured otherwise than in relaxed mode, whose capture this makes invalid.
cudaError_t CheckUnsafeCall();
// For waits for the whole device, which no mode allows.
cudaError_t CheckDeviceWait();

}  // namespace kvscope::simt
