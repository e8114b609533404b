#include "kernels/cpu/thread_pool.h"

#include <gtest/gtest.h>

#include <numeric>

namespace kvscope {
namespace {

TEST(ThreadPool, EveryItemRunsOnceWhateverTheThreads) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (size_t items : {0, 1, 2, 7, 1000}) {
      std::vector<int> hits(items, 0);
      pool.ParallelFor(items, [&](size_t item, int) { ++hits[item]; });
      EXPECT_EQ(std::accumulate(hits.begin(), hits.end(), 0), static_cast<int>(items));
      for (int hit : hits) EXPECT_EQ(hit, 1);
    }
  }
}

TEST(ThreadPool, RangesCoverTheItemsEvenly) {
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (size_t items : {0, 1, 2, 7, 1000}) {
      std::vector<int> hits(items, 0);
      std::atomic<int> calls{0};
      pool.ParallelRanges(items, [&](size_t first, size_t end, int thread) {
        EXPECT_LT(first, end);
        EXPECT_LT(thread, threads);
        EXPECT_LE(end - first, items / static_cast<size_t>(threads) + 1);
        ++calls;
        for (size_t i = first; i < end; ++i) ++hits[i];
      });
      EXPECT_LE(calls, threads);
      for (int hit : hits) EXPECT_EQ(hit, 1);
    }
  }
}

TEST(ThreadPool, RethrowsWhatARangeThrows) {
  ThreadPool pool(3);
  EXPECT_THROW(pool.ParallelRanges(6,
                                   [](size_t first, size_t, int) {
                                     if (first > 0) throw std::bad_alloc();
                                   }),
               std::bad_alloc);
}

TEST(ThreadPool, AThreadIndexBelongsToOneCallAtATime) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<int> clashes{0};
  for (int loop = 0; loop < 200; ++loop) {
    pool.ParallelFor(16, [&](size_t, int thread) {
      if (inside[thread].fetch_add(1) != 0) ++clashes;
      inside[thread].fetch_sub(1);
    });
  }
  EXPECT_EQ(clashes, 0);
}

// Loops follow each other at once and after the workers have gone to sleep.
TEST(ThreadPool, SurvivesManyLoopsWithAndWithoutPauses) {
  ThreadPool pool(2);
  std::atomic<int> sum{0};
  for (int loop = 0; loop < 2000; ++loop) {
    pool.ParallelFor(3, [&](size_t item, int) { sum += static_cast<int>(item); });
    if (loop % 500 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(sum, 2000 * 3);
}

TEST(ThreadPool, RethrowsWhatACallThrowsAndGoesOn) {
  ThreadPool pool(3);
  for (int loop = 0; loop < 50; ++loop) {
    EXPECT_THROW(pool.ParallelFor(20,
                                  [&](size_t item, int) {
                                    if (item % 5 == 3) throw std::bad_alloc();
                                  }),
                 std::bad_alloc);
    std::atomic<int> calls{0};
    pool.ParallelFor(20, [&](size_t, int) { ++calls; });
    EXPECT_EQ(calls, 20);
  }
}

}  // namespace
}  // namespace kvscope
