#include "runtime/cpu/cpu_speed.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

double MedianSeconds(const std::function<void()>& run) {
  constexpr int kRuns = 5;
  std::vector<double> seconds;
  for (int i = 0; i < kRuns; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::ranges::nth_element(seconds, seconds.begin() + kRuns / 2);
  return seconds[kRuns / 2];
}

double MeasureFlops(ThreadPool& pool) {
  constexpr size_t kRows = 2048, kColumns = 1024, kTokens = 128;
  const std::vector<uint16_t> weights(kRows * kColumns, 0x3c00);  // 1.0 in half precision
  const WeightMatrix matrix{DType::kF16, kRows, kColumns, reinterpret_cast<const std::byte*>(weights.data())};
  const AlignedVector<float> x(kTokens * kColumns, 1.0f);
  AlignedVector<float> y(kTokens * kRows);
  const double seconds =
      MedianSeconds([&] { MatMul(matrix, x.data(), kColumns, kTokens, y.data(), kRows, pool); });
  return 2.0 * kRows * kColumns * kTokens / seconds;
}

double MeasureBandwidth(ThreadPool& pool) {
  constexpr size_t kBytes = size_t{256} << 20;  // more than caches hold
  const std::vector<uint64_t> data(kBytes / sizeof(uint64_t), 1);
  const size_t part = data.size() / static_cast<size_t>(pool.threads());
  std::vector<uint64_t> sums(static_cast<size_t>(pool.threads()));
  const double seconds = MedianSeconds([&] {
    pool.ParallelFor(sums.size(), [&](size_t i, int) {
      const auto begin = data.begin() + static_cast<ptrdiff_t>(i * part);
      sums[i] += std::accumulate(begin, begin + static_cast<ptrdiff_t>(part), uint64_t{0});
    });
  });
  // The sums are looked at, so that they have to be made.
  const bool read = std::ranges::all_of(sums, [](uint64_t sum) { return sum > 0; });
  return read ? static_cast<double>(kBytes) / seconds : 0;
}

}  // namespace

CpuSpeed MeasureCpuSpeed(int threads) {
  ThreadPool pool(threads);
  return {.flops_per_s = MeasureFlops(pool), .bytes_per_s = MeasureBandwidth(pool)};
}

}  // namespace kvscope
