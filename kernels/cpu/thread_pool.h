// A fixed set of threads that share out the items of one loop at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace kvscope {

class ThreadPool {
 public:
  // The caller's thread counts as one: `threads` - 1 are started. REQUIRES: threads >= 1.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  // Calls body(item, thread) once for every item in [0, items) and returns when all are done. `thread` is in
  // [0, threads()) and belongs to one running call at a time, so it can index scratch space. Which thread
  // gets an item is not fixed: what an item computes must not depend on it. When a call throws, items not yet
  // begun are left out and the first exception is rethrown here. Not reentrant; one caller at a time.
  template <typename Body>
  void ParallelFor(size_t items, const Body& body) {
    if (workers_.empty() || items <= 1) {
      for (size_t item = 0; item < items; ++item) body(item, 0);
      return;
    }
    Run([&](int thread) {
      for (size_t item = TakeItem(); item < items; item = TakeItem()) body(item, thread);
    });
  }

  // The same for items that take equally long: calls body(first, end, thread) at most once a thread, for
  // ranges that together are [0, items) and differ by one item at most.
  template <typename Body>
  void ParallelRanges(size_t items, const Body& body) {
    if (workers_.empty() || items <= 1) {
      if (items > 0) body(size_t{0}, items, 0);
      return;
    }
    const auto count = static_cast<size_t>(threads());
    Run([&](int thread) {
      const auto i = static_cast<size_t>(thread);
      const size_t first = items * i / count, end = items * (i + 1) / count;
      if (first < end) body(first, end, thread);
    });
  }

 private:
  // What every thread is to do in a loop, called with its number. Does not own.
  struct Task {
    const void* body = nullptr;
    void (*call)(const void* body, int thread) = nullptr;
  };

  template <typename Body>
  void Run(const Body& body) {
    RunTask({.body = std::addressof(body),
             .call = [](const void* b, int thread) { (*static_cast<const Body*>(b))(thread); }});
  }

  void RunTask(Task task);
  void Work(int thread);
  void Execute(int thread);
  size_t TakeItem() { return next_item_.fetch_add(1, std::memory_order_relaxed); }
  template <typename Condition>
  bool SpinUntil(const Condition& condition) const;

  std::vector<std::thread> workers_;
  std::chrono::nanoseconds spin_;  // how long a thread waits awake before it sleeps
  Task task_;                      // of the current loop
  bool stop_ = false;              // set for the last loop
  std::exception_ptr error_;       // of the current loop; guarded by mutex_
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  // Each on a cache line of its own: all threads write them.
  alignas(64) std::atomic<uint64_t> loop_{0};  // counts loops; a change releases the workers
  alignas(64) std::atomic<size_t> next_item_{0};
  alignas(64) std::atomic<int> running_{0};   // workers that have not finished the current loop
  alignas(64) std::atomic<int> sleepers_{0};  // workers asleep, or about to be
};

}  // namespace kvscope
