// A set of bytes of memory, for counting those that a kernel touches at all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

namespace kvscope::simt {

class TouchedBytes {
 public:
  // Adds [address, address + bytes); how many of them are new.
  uint64_t Add(const void* address, uint64_t bytes);

  void Clear() { pages_.clear(); }

 private:
  static constexpr uintptr_t kPageBytes = 4096;
  using Page = std::array<uint64_t, kPageBytes / 64>;  // a bit for each byte

  std::unordered_map<uintptr_t, Page> pages_;  // by address / kPageBytes
};

}  // namespace kvscope::simt
