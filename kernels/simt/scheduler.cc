// Which device thread runs next.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "kernels/simt/report.h"
#include "kernels/simt/state.h"

namespace kvscope::simt {
namespace {

Thread* RandomThread(Engine& engine) {
  unsigned runnable = 0;
  for (unsigned w = 0; w < engine.warp_count; ++w) {
    runnable += static_cast<unsigned>(std::popcount(engine.warps[w].runnable));
  }
  if (runnable == 0) return nullptr;
  auto skip = static_cast<unsigned>(engine.random() % runnable);
  for (unsigned w = 0;; ++w) {
    uint32_t lanes = engine.warps[w].runnable;
    const auto count = static_cast<unsigned>(std::popcount(lanes));
    if (skip >= count) {
      skip -= count;
      continue;
    }
    for (; skip > 0; --skip) lanes &= lanes - 1;
    return &engine.warps[w].threads[std::countr_zero(lanes)];
  }
}

// The first of `lanes` in the order's direction. REQUIRES: there is one.
Thread* FirstLane(const Warp& warp, uint32_t lanes, Order order) {
  return &warp.threads[order == Order::kReverse ? 31 - std::countl_zero(lanes) : std::countr_zero(lanes)];
}

// Stays in the warp as long as a lane of it can run: its lanes are the likeliest to complete a collective.
Thread* ThreadInOrder(Engine& engine) {
  const bool reverse = engine.order == Order::kReverse;
  if (engine.current != nullptr) {
    const Thread& current = *engine.current;
    const uint32_t runnable = current.warp->runnable;
    const uint32_t below = current.bit() - 1;
    const uint32_t ahead = runnable & (reverse ? below : ~(below | current.bit()));
    if (ahead != 0) return FirstLane(*current.warp, ahead, engine.order);
    if (runnable != 0) return FirstLane(*current.warp, runnable, engine.order);
  }
  for (unsigned i = 0; i < engine.warp_count; ++i) {
    const Warp& warp = engine.warps[reverse ? engine.warp_count - 1 - i : i];
    if (warp.runnable != 0) return FirstLane(warp, warp.runnable, engine.order);
  }
  return nullptr;
}

// Threads that wait at one place.
struct Waiters {
  WaitingIn in;
  unsigned count = 0;
  uint3 first{};
};

[[noreturn]] void ReportDeadlock(const Engine& engine) {
  std::vector<Waiters> groups;
  for (unsigned i = 0; i < engine.thread_count; ++i) {
    const Thread& thread = engine.threads[i];
    if ((thread.warp->live & thread.bit()) == 0) continue;
    const WaitingIn& in = thread.waiting_in;
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Waiters& waiters) {
      return waiters.in.where.line() == in.where.line() &&
             waiters.in.where.file_name() == in.where.file_name() && waiters.in.primitive == in.primitive &&
             waiters.in.mask == in.mask;
    });
    if (group == groups.end()) group = groups.insert(group, {in, 0, thread.index});
    ++group->count;
  }
  std::string message = "deadlock: no thread of the block can run";
  for (const Waiters& waiters : groups) {
    const std::string mask = waiters.in.mask != 0 ? fmt::format(" with mask {:#010x}", waiters.in.mask) : "";
    message += fmt::format("\n  {} wait in {}{} at {}, the first is thread ({},{},{})", waiters.count,
                           waiters.in.primitive, mask, Describe(waiters.in.where), waiters.first.x,
                           waiters.first.y, waiters.first.z);
  }
  message += fmt::format("\n  {} of {} have returned\n  found", engine.thread_count - engine.live,
                         engine.thread_count);
  FatalMessage(message);
}

}  // namespace

void RunNext() {
  Engine& engine = TheEngine();
  Thread* next = engine.order == Order::kRandom ? RandomThread(engine) : ThreadInOrder(engine);
  if (next == nullptr) ReportDeadlock(engine);
  Thread* previous = engine.current;
  if (next == previous) return;
  engine.current = next;
  threadIdx = next->index;
  Fiber::Switch(previous != nullptr ? previous->fiber : *engine.host, next->fiber);
}

}  // namespace kvscope::simt
