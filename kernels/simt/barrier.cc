// Where threads wait for each other: the block's barrier and the collectives of a warp.
#include <algorithm>
#include <atomic>

#include "kernels/simt/report.h"
#include "kernels/simt/sanitizers.h"
#include "kernels/simt/state.h"

namespace kvscope::simt {
namespace {

bool SamePlace(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() && a.file_name() == b.file_name();
}

Engine& RunningEngine(const char* primitive) {
  Engine& engine = TheEngine();
  if (engine.current == nullptr) Fatal("{} is called outside a kernel", primitive);
  return engine;
}

// The warp's meeting of these lanes, made if there is none.
Meeting& MeetingOf(Warp& warp, uint32_t mask, Collective collective, const WaitingIn& in) {
  const auto end = warp.meetings.begin() + warp.meeting_count;
  const auto found =
      std::find_if(warp.meetings.begin(), end, [&](const Meeting& m) { return m.mask == mask; });
  if (found == end) {
    *end = {mask, 0, collective, in, &warp.sync_objects[warp.sync_count++ % warp.sync_objects.size()]};
    ++warp.meeting_count;
  } else if (found->collective != collective) {
    Fatal("{} at {} meets {} at {} with the same mask {:#010x}", in.primitive, Describe(in.where),
          found->first.primitive, Describe(found->first.where), mask);
  }
  return *found;
}

}  // namespace

void OpenBarrierIfComplete(Engine& engine) {
  if (engine.barrier_arrived != engine.live) return;
  engine.barrier_results[engine.barrier_phase % 2] = engine.barrier_vote;
  ++engine.barrier_phase;
  engine.barrier_arrived = 0;
  for (unsigned w = 0; w < engine.warp_count; ++w) engine.warps[w].runnable |= engine.warps[w].live;
}

int BlockBarrier(bool predicate, BarrierVote vote, const char* primitive, const std::source_location& where) {
  Engine& engine = RunningEngine(primitive);
  Thread& thread = *engine.current;
  ++engine.counters->barriers;
  thread.waiting_in = {primitive, where, 0};
  if (engine.barrier_arrived == 0) {
    engine.barrier_first = thread.waiting_in;
    engine.barrier_vote = vote == BarrierVote::kAnd ? 1 : 0;
  } else if (!SamePlace(engine.barrier_first.where, where)) {
    Fatal("divergent barrier: {} at {}, while other threads of the block wait in {} at {}", primitive,
          Describe(where), engine.barrier_first.primitive, Describe(engine.barrier_first.where));
  }
  if (vote == BarrierVote::kCount) engine.barrier_vote += predicate ? 1 : 0;
  if (vote == BarrierVote::kAnd) engine.barrier_vote &= predicate ? 1 : 0;
  if (vote == BarrierVote::kOr) engine.barrier_vote |= predicate ? 1 : 0;

  const unsigned phase = engine.barrier_phase % 2;
  ReleaseTo(&engine.barrier_objects[phase]);
  ++engine.barrier_arrived;
  thread.warp->runnable &= ~thread.bit();
  OpenBarrierIfComplete(engine);
  const bool open = (thread.warp->runnable & thread.bit()) != 0;
  // The last to arrive goes on, but in a random order it has no right to go first.
  if (!open || engine.order == Order::kRandom) RunNext();
  AcquireFrom(&engine.barrier_objects[phase]);
  return engine.barrier_results[phase];
}

void WarpSync(uint32_t, void* const*) {}

void WarpCollective(uint32_t mask, Collective collective, void* argument, const char* primitive,
                    const std::source_location& where) {
  Engine& engine = RunningEngine(primitive);
  Thread& thread = *engine.current;
  Warp& warp = *thread.warp;
  ++engine.counters->warp_collectives;
  thread.waiting_in = {primitive, where, mask};
  if ((mask & thread.bit()) == 0) {
    Fatal("{} at {}: lane {} calls it and is not in mask {:#010x}", primitive, Describe(where), thread.lane,
          mask);
  }
  if ((mask & ~warp.live) != 0) {
    Fatal("{} at {}: mask {:#010x} names lanes that have returned or do not exist (live are {:#010x})",
          primitive, Describe(where), mask, warp.live);
  }
  Meeting& meeting = MeetingOf(warp, mask, collective, thread.waiting_in);
  meeting.arrived |= thread.bit();
  warp.arguments[thread.lane] = argument;

  const bool orders_memory = collective == &WarpSync;
  void* const sync_object = meeting.sync_object;
  if (orders_memory) ReleaseTo(sync_object);
  if (meeting.arrived == mask) {
    {
      const IgnoreAccesses ignore;  // of the arguments, on other threads' stacks
      collective(mask, warp.arguments.data());
    }
    meeting = warp.meetings[--warp.meeting_count];
    warp.runnable |= mask;
    if (engine.order == Order::kRandom) RunNext();
  } else {
    warp.runnable &= ~thread.bit();
    RunNext();
  }
  if (orders_memory) AcquireFrom(sync_object);
}

void FatalInCollective(const std::string& message) {
  const WaitingIn& in = TheEngine().current->waiting_in;
  Fatal("{} at {}: {}", in.primitive, Describe(in.where), message);
}

void MemoryFence() {
  static char object = 0;
  ReleaseTo(&object);
  AcquireFrom(&object);
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

}  // namespace kvscope::simt
