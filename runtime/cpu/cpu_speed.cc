#include "runtime/cpu/cpu_speed.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/packed_matmul.h"
#include "kernels/cpu/read_memory.h"
#include "kernels/cpu/thread_pool.h"

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
  constexpr size_t kRows = 2048, kColumns = 1024, kTokens = 512;
  const size_t row_bytes = RowBytes(DType::kQ8_0, kColumns);
  const std::vector<std::byte> weights(kRows * row_bytes, std::byte{1});
  const WeightMatrix matrix{DType::kQ8_0, kRows, kColumns, weights.data()};
  PackedMatrix packed = PackedShape(matrix);
  HugeBuffer panels(packed.bytes());
  PackPanels(matrix, 0, packed.panels(), panels.data());
  packed.data = panels.data();
  ActivationRows x(kColumns);
  x.Resize(kTokens, FormsFor(packed, Pass::kPrefill));
  const std::vector<float> row(kColumns, 1.0f);
  for (size_t t = 0; t < kTokens; ++t) x.Set(t, row.data());
  AlignedVector<float> y(kTokens * kRows);
  const double seconds = MedianSeconds([&] {
    PackedMatMul({{{packed, y.data(), kRows}}}, x, kTokens, Pass::kPrefill, pool);
  });
  return 2.0 * kRows * kColumns * kTokens / seconds;
}

double MeasureBandwidth(ThreadPool& pool) {
  const HugeBuffer buffer = WrittenBuffer(size_t{512} << 20);  // more than caches hold
  return static_cast<double>(buffer.size()) / MedianSeconds([&] { ReadMemory(buffer, pool); });
}

}  // namespace

CpuSpeed MeasureCpuSpeed(int threads) {
  ThreadPool pool(threads);
  return {.flops_per_s = MeasureFlops(pool), .bytes_per_s = MeasureBandwidth(pool)};
}

}  // namespace kvscope
