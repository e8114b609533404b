#include "kernels/cpu/thread_pool.h"

#include <utility>

namespace kvscope {
namespace {

// A decode step is some hundred short loops with a little serial work between. Sleeping there would cost more
// than the loops take; spinning for long would take the core from whoever else needs it.
constexpr std::chrono::microseconds kSpin{50};
constexpr int kPausesPerLookAtTheClock = 32;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

template <typename Condition>
bool ThreadPool::SpinUntil(const Condition& condition) const {
  if (condition()) return true;
  if (spin_.count() == 0) return false;
  const auto end = std::chrono::steady_clock::now() + spin_;
  do {
    for (int i = 0; i < kPausesPerLookAtTheClock; ++i) {
      if (condition()) return true;
      Pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// More threads than cores take turns: one that spins keeps another from the work it waits for.
ThreadPool::ThreadPool(int threads)
    : spin_(static_cast<unsigned>(threads) <= std::thread::hardware_concurrency() ? kSpin : kSpin.zero()) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
}

ThreadPool::~ThreadPool() {
  stop_ = true;
  RunTask({.body = nullptr, .call = [](const void*, int) {}});
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::RunTask(Task task) {
  task_ = task;
  next_item_.store(0, std::memory_order_relaxed);
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  // In one order with a worker's count of itself as a sleeper and its next look at loop_: one of the two sees
  // the other.
  loop_.fetch_add(1);
  if (sleepers_.load() > 0) {
    std::lock_guard lock(mutex_);
    start_.notify_all();
  }
  Execute(0);
  const auto done = [this] { return running_.load(std::memory_order_acquire) == 0; };
  if (!SpinUntil(done)) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, done);
  }
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::Work(int thread) {
  for (uint64_t seen = 0;; ++seen) {
    const auto released = [&] { return loop_.load() != seen; };
    if (!SpinUntil(released)) {
      std::unique_lock lock(mutex_);
      sleepers_.fetch_add(1);
      start_.wait(lock, released);
      sleepers_.fetch_sub(1);
    }
    const bool last = stop_;
    Execute(thread);
    if (running_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      std::lock_guard lock(mutex_);
      done_.notify_one();
    }
    if (last) return;
  }
}

void ThreadPool::Execute(int thread) {
  try {
    task_.call(task_.body, thread);
  } catch (...) {
    next_item_.store(SIZE_MAX / 2, std::memory_order_relaxed);  // beyond any loop's items
    std::lock_guard lock(mutex_);
    if (error_ == nullptr) error_ = std::current_exception();
  }
}

}  // namespace kvscope
