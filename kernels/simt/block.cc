#include "kernels/simt/block.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <vector>

#include "kernels/simt/report.h"
#include "kernels/simt/sanitizers.h"
#include "kernels/simt/shared_memory.h"
#include "kernels/simt/state.h"

uint3 threadIdx{};
uint3 blockIdx{};
dim3 blockDim;
dim3 gridDim;

namespace kvscope::simt {
namespace {

// Of element `linear` in a box of this size, x fastest.
uint3 IndexIn(const dim3& size, size_t linear) {
  return {static_cast<unsigned>(linear % size.x), static_cast<unsigned>(linear / size.x % size.y),
          static_cast<unsigned>(linear / size.x / size.y)};
}

// The running thread has returned from the kernel.
void RetireThread(Engine& engine) {
  Thread& thread = *engine.current;
  Warp& warp = *thread.warp;
  warp.live &= ~thread.bit();
  warp.runnable &= ~thread.bit();
  thread.async_copies.clear();
  thread.async_groups.clear();
  --engine.live;
  for (unsigned i = 0; i < warp.meeting_count; ++i) {
    const Meeting& meeting = warp.meetings[i];
    if ((meeting.mask & thread.bit()) == 0) continue;
    Fatal("a thread returned while lanes of its warp wait for it in {} with mask {:#010x} at {}",
          meeting.first.primitive, meeting.mask, Describe(meeting.first.where));
  }
}

// What every fiber runs: its thread of one block after another.
void ThreadMain() {
  Engine& engine = TheEngine();
  for (;;) {
    AcquireFrom(&engine.start_object);
    engine.grid->body();
    ReleaseTo(&engine.exit_object);
    RetireThread(engine);
    if (engine.live == 0) {
      Thread& last = *engine.current;
      engine.current = nullptr;
      Fiber::Switch(last.fiber, *engine.host);
    } else {
      OpenBarrierIfComplete(engine);  // it waits for threads that have not returned, as on sm_70 and later
      RunNext();
    }
  }
}

void PrepareThreads(Engine& engine, const dim3& threads) {
  engine.thread_count = threads.x * threads.y * threads.z;
  engine.warp_count = (engine.thread_count + kWarpLanes - 1) / kWarpLanes;
  for (unsigned i = 0; i < engine.thread_count; ++i) {
    Thread& thread = engine.threads[i];
    if (!thread.fiber.started()) thread.fiber.Start(&ThreadMain);
    thread.index = IndexIn(threads, i);
    thread.lane = i % kWarpLanes;
    thread.warp = &engine.warps[i / kWarpLanes];
    if (thread.lane == 0) thread.warp->threads = &thread;
  }
}

void RunBlock(Engine& engine, size_t linear) {
  blockIdx = IndexIn(gridDim, linear);
  engine.live = engine.thread_count;
  engine.barrier_arrived = 0;
  for (unsigned w = 0; w < engine.warp_count; ++w) {
    Warp& warp = engine.warps[w];
    const unsigned lanes = std::min(kWarpLanes, engine.thread_count - w * kWarpLanes);
    warp.live = warp.runnable = ~0u >> (kWarpLanes - lanes);
    warp.meeting_count = 0;
  }
  RenewSharedMemory(engine.grid->dynamic_shared_bytes);
  ReleaseTo(&engine.start_object);
  RunNext();
  AcquireFrom(&engine.exit_object);
}

std::vector<size_t> BlockOrder(Engine& engine, size_t blocks) {
  std::vector<size_t> order(blocks);
  std::iota(order.begin(), order.end(), size_t{0});
  if (engine.order == Order::kReverse) std::reverse(order.begin(), order.end());
  if (engine.order == Order::kRandom) {
    // Not std::shuffle, whose draws depend on the library.
    for (size_t i = blocks; i > 1; --i) std::swap(order[i - 1], order[engine.random() % i]);
  }
  return order;
}

}  // namespace

Engine& TheEngine() {
  static Engine& engine = *new Engine;
  return engine;
}

void RunGrid(const Grid& grid) {
  Engine& engine = TheEngine();
  if (engine.grid != nullptr) Fatal("{} is launched by device code, which is not emulated", grid.kernel);
  static uint64_t launches = 0;
  Fiber host;
  engine.host = &host;
  engine.grid = &grid;
  engine.counters = &CountersOf(grid.kernel);
  CountLaunch();
  engine.order = CurrentOptions().order;
  std::seed_seq seed{CurrentOptions().seed, ++launches};
  if (engine.order == Order::kRandom) engine.random.seed(seed);
  gridDim = grid.blocks;
  blockDim = grid.threads;
  PrepareThreads(engine, grid.threads);
  ReserveDynamicShared(grid.dynamic_shared_bytes);

  const size_t blocks = size_t{grid.blocks.x} * grid.blocks.y * grid.blocks.z;
  for (const size_t block : BlockOrder(engine, blocks)) RunBlock(engine, block);
  ++engine.counters->launches;
  engine.counters->dynamic_shared_bytes =
      std::max<uint64_t>(engine.counters->dynamic_shared_bytes, grid.dynamic_shared_bytes);
  engine.counters->blocks += blocks;
  engine.counters->threads += blocks * engine.thread_count;
  engine.grid = nullptr;
  engine.counters = nullptr;
}

std::string CurrentPlace() {
  const Engine& engine = TheEngine();
  if (engine.grid == nullptr) return "";
  const auto format = [](const uint3& index) { return fmt::format("({},{},{})", index.x, index.y, index.z); };
  return fmt::format("{}, block {}, thread {}", engine.grid->kernel, format(blockIdx), format(threadIdx));
}

bool InStackGuard(const void* address) {
  const Thread* current = TheEngine().current;
  return current != nullptr && current->fiber.InGuard(address);
}

unsigned LaneId() { return TheEngine().current->lane; }

}  // namespace kvscope::simt
