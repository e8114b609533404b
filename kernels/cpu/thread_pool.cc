#include "kernels/cpu/thread_pool.h"

#include <utility>

namespace kvscope {
namespace {

// A decode step is some hundred short loops. Sleeping between them would cost more than they take; spinning
// for long would take the core from whoever else needs it. This bridges the gap between two loops of one
// step.
constexpr int kSpins = 2000;

void Pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

template <typename Condition>
bool SpinUntil(const Condition& condition) {
  for (int i = 0; i < kSpins; ++i) {
    if (condition()) return true;
    Pause();
  }
  return condition();
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { Work(i); });
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
    loop_.fetch_add(1);
  }
  start_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::ParallelFor(size_t items, const std::function<void(size_t item, int thread)>& body) {
  if (workers_.empty() || items <= 1) {
    for (size_t i = 0; i < items; ++i) body(i, 0);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    body_ = &body;
    items_ = items;
    next_.store(0);
    running_.store(static_cast<int>(workers_.size()));
    loop_.fetch_add(1);
  }
  start_.notify_all();
  TakeItems(0);
  if (!SpinUntil([this] { return running_.load() == 0; })) {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_.load() == 0; });
  }
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

void ThreadPool::Work(int thread) {
  uint64_t seen = 0;
  while (true) {
    if (!SpinUntil([&] { return loop_.load() != seen; })) {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return loop_.load() != seen; });
    }
    {
      std::lock_guard lock(mutex_);
      seen = loop_.load();
      if (stop_) return;
    }
    TakeItems(thread);
    if (running_.fetch_sub(1) == 1) {
      std::lock_guard lock(mutex_);
      done_.notify_one();
    }
  }
}

void ThreadPool::TakeItems(int thread) {
  try {
    for (size_t item = next_.fetch_add(1); item < items_; item = next_.fetch_add(1)) (*body_)(item, thread);
  } catch (...) {
    next_.store(items_);
    std::lock_guard lock(mutex_);
    if (error_ == nullptr) error_ = std::current_exception();
  }
}

}  // namespace kvscope
