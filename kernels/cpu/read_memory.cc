#include "kernels/cpu/read_memory.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <numeric>

namespace kvscope {
namespace {

constexpr size_t kLine = 64;

// The sum of some cache lines' numbers, fetched as far ahead as was fastest on machines with DDR5.
uint64_t SumLines(const std::byte* data, size_t lines) {
  constexpr size_t kPrefetchBytes = 1024;
  std::array<uint64_t, kLine / sizeof(uint64_t)> sums = {};
  for (size_t line = 0; line < lines; ++line, data += kLine) {
    __builtin_prefetch(data + kPrefetchBytes);
    std::array<uint64_t, sums.size()> values;
    std::memcpy(values.data(), data, kLine);
    for (size_t i = 0; i < sums.size(); ++i) sums[i] += values[i];
  }
  return std::accumulate(sums.begin(), sums.end(), uint64_t{0});
}

}  // namespace

HugeBuffer WrittenBuffer(size_t bytes) {
  HugeBuffer buffer(bytes);
  std::memset(buffer.data(), 1, buffer.size());
  return buffer;
}

void ReadMemory(const HugeBuffer& buffer, ThreadPool& pool) {
  pool.ParallelRanges(buffer.size() / kLine, [&](size_t first, size_t end, int) {
    const uint64_t sum = SumLines(buffer.data() + first * kLine, end - first);
    __asm__ volatile("" : : "r"(sum));  // so that it has to be made
  });
}

}  // namespace kvscope
