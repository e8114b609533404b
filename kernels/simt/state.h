// The engine's state: one block's warps and threads. Private to the emulator's sources.
#pragma once

#include <array>
#include <random>
#include <source_location>
#include <vector>

#include "kernels/simt/block.h"
#include "kernels/simt/counters.h"
#include "kernels/simt/fiber.h"
#include "kernels/simt/options.h"

namespace kvscope::simt {

struct Warp;

// The primitive that a thread waits in, and where the kernel calls it.
struct WaitingIn {
  const char* primitive = nullptr;
  std::source_location where;
  uint32_t mask = 0;  // of a warp's collective; 0 for a barrier of the block
};

// One that is under way (async_copy.h). Not `global`: zeros are written.
struct AsyncCopy {
  void* shared;
  const void* global;
};

struct Thread {
  Fiber fiber;
  uint3 index{};  // threadIdx
  unsigned lane = 0;
  Warp* warp = nullptr;
  WaitingIn waiting_in;
  std::vector<AsyncCopy> async_copies;
  std::vector<size_t> async_groups;  // where in async_copies each group ends

  uint32_t bit() const { return 1u << lane; }
};

// Lanes that meet in one collective. A warp has several when it has diverged.
struct Meeting {
  uint32_t mask = 0;
  uint32_t arrived = 0;
  Collective collective = nullptr;
  WaitingIn first;
  void* sync_object = nullptr;  // for ThreadSanitizer
};

struct Warp {
  Thread* threads = nullptr;  // [kWarpLanes]
  uint32_t live = 0;          // lanes that have not returned
  uint32_t runnable = 0;      // those of them that wait for nothing
  std::array<Meeting, kWarpLanes> meetings;
  unsigned meeting_count = 0;
  std::array<void*, kWarpLanes> arguments{};  // of collectives
  // For ThreadSanitizer. Meetings take them in turn: with one for all, a lane that continues late would seem
  // ordered after what others did before their next meeting.
  std::array<char, 64> sync_objects{};
  unsigned sync_count = 0;
};

struct Engine {
  const Grid* grid = nullptr;  // null when nothing runs
  KernelCounters* counters = nullptr;
  Order order = Order::kForward;
  std::mt19937_64 random;

  Fiber* host = nullptr;  // the caller of RunGrid
  Thread* current = nullptr;
  std::array<Thread, kMaxBlockThreads> threads;
  std::array<Warp, kMaxBlockThreads / kWarpLanes> warps;
  unsigned thread_count = 0;
  unsigned warp_count = 0;
  unsigned live = 0;  // threads that have not returned

  // The block's barrier. Two of each in turn: a thread may still read the result of one while others are in
  // the next.
  unsigned barrier_phase = 0;
  unsigned barrier_arrived = 0;
  WaitingIn barrier_first;
  int barrier_vote = 0;
  std::array<int, 2> barrier_results{};
  std::array<char, 2> barrier_objects{};  // for ThreadSanitizer

  // For ThreadSanitizer. Not one object: it would order the end of one thread before the start of the next.
  char start_object = 0;
  char exit_object = 0;
};

// Never destroyed: device threads may be suspended in it when the program ends.
Engine& TheEngine();

// Leaves the running thread, or RunGrid, for the next one in order. When none can run: reports the deadlock.
void RunNext();

// Opens the block's barrier when all live threads have arrived.
void OpenBarrierIfComplete(Engine& engine);

}  // namespace kvscope::simt
