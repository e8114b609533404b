// The bound of a benchmark that streams memory.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "kernels/cpu/read_memory.h"

namespace kvscope {

// Bytes a second of reading as much as a benchmark does, so that caches help both alike: the best of some
// runs.
inline double ReadRate(size_t bytes, int threads) {
  const HugeBuffer buffer = WrittenBuffer(bytes);
  ThreadPool pool(threads);
  double best_s = 1e9;
  for (int run = 0; run < 10; ++run) {
    const auto start = std::chrono::steady_clock::now();
    ReadMemory(buffer, pool);
    best_s =
        std::min(best_s, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return static_cast<double>(buffer.size()) / best_s;
}

}  // namespace kvscope
