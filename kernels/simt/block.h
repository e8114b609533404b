// The engine: runs the blocks of a grid one after another, a fiber for each thread of a block. A thread runs
// until it has to wait in a barrier or a warp's collective; then the order of CurrentOptions() says who is
// next.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>

namespace kvscope::simt {

inline constexpr unsigned kWarpLanes = 32;
inline constexpr unsigned kMaxBlockThreads = 1024;
inline constexpr size_t kMaxSharedBytes = 227 * 1024;  // what a block of compute capability 9.0 may ask for

struct Grid {
  std::string kernel;  // its name, for reports and counters
  dim3 blocks;
  dim3 threads;
  size_t dynamic_shared_bytes = 0;
  std::function<void()> body;  // what each thread calls
};

// Returns when every thread has. REQUIRES: sizes within the limits of a device (see launch.cc); not called by
// a kernel.
void RunGrid(const Grid& grid);

// "KERNEL, block (x,y,z), thread (x,y,z)"; empty outside kernels.
std::string CurrentPlace();

// Whether `address` is just below the stack of the running device thread.
bool InStackGuard(const void* address);

// ---- What the device language (language.h, warp.h) is made of. For the running device thread.

unsigned LaneId();

void MemoryFence();

enum class BarrierVote : uint8_t { kNone, kCount, kAnd, kOr };

// Waits for all threads of the block that have not returned, then gives each the vote on `predicate`. All
// must wait at the same place.
int BlockBarrier(bool predicate, BarrierVote vote, const char* primitive, const std::source_location& where);

// What a group of lanes does together. Lane l's argument is arguments[l]; those of lanes outside `mask` are
// stale.
using Collective = void (*)(uint32_t mask, void* const* arguments);

// Waits until all lanes of `mask` have come, then one of them runs `collective` for all. `argument` may be on
// the caller's stack. Only a collective that is `WarpSync` orders memory.
void WarpCollective(uint32_t mask, Collective collective, void* argument, const char* primitive,
                    const std::source_location& where);
void WarpSync(uint32_t mask, void* const* arguments);

// For collectives that find a lane's arguments wrong: reports at the primitive that the caller is in.
[[noreturn]] void FatalInCollective(const std::string& message);

}  // namespace kvscope::simt

// The built-in variables of the running thread.
extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
