// A fixed set of threads that share out the items of one loop at a time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
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
  void ParallelFor(size_t items, const std::function<void(size_t item, int thread)>& body);

 private:
  void Work(int thread);
  void TakeItems(int thread);

  std::vector<std::thread> workers_;
  std::mutex mutex_;
  std::condition_variable start_;
  std::condition_variable done_;
  const std::function<void(size_t, int)>* body_ = nullptr;  // guarded by mutex_ at start and end of a loop
  size_t items_ = 0;
  std::atomic<uint64_t> loop_{0};  // counts loops; a change releases the workers
  std::atomic<size_t> next_{0};
  std::atomic<int> running_{0};
  std::exception_ptr error_;  // of the current loop; guarded by mutex_
  bool stop_ = false;
};

}  // namespace kvscope
