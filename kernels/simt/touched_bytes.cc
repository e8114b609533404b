#include "kernels/simt/touched_bytes.h"

#include <algorithm>
#include <bit>

namespace kvscope::simt {

uint64_t TouchedBytes::Add(const void* address, uint64_t bytes) {
  auto begin = reinterpret_cast<uintptr_t>(address);
  const uintptr_t end = begin + bytes;
  uint64_t added = 0;
  while (begin < end) {
    uint64_t& word = pages_[begin / kPageBytes][begin % kPageBytes / 64];
    const uintptr_t n = std::min(end - begin, 64 - begin % 64);
    const uint64_t mask = ~uint64_t{0} >> (64 - n) << begin % 64;
    added += static_cast<uint64_t>(std::popcount(mask & ~word));
    word |= mask;
    begin += n;
  }
  return added;
}

}  // namespace kvscope::simt
