// Blocks of equal sizes cut from huge pages: a cache is read from end to end at each step, and address
// translations of small pages would be what it waits for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

#include "kernels/cpu/huge_buffer.h"

namespace kvscope {

// Thread-safe.
class PageSlabs {
 public:
  // Unspecified content, on a cache line. Throws std::bad_alloc.
  std::byte* Allocate(size_t bytes);

  // `bytes`: as it was allocated. Of slabs without blocks in use a few are kept for the next sequence, which
  // else would wait for the system to clear them; others go back to it.
  void Free(std::byte* block, size_t bytes);

 private:
  static constexpr size_t kSpareBytes = size_t{32} << 20;

  struct Slab {
    HugeBuffer memory;
    size_t blocks = 0;
    std::vector<std::byte*> free;
  };
  using Slabs = std::map<const std::byte*, Slab>;  // by address

  // One with a free block, made where there is none.
  Slab& WithRoom(Slabs& slabs, size_t bytes);

  std::mutex mutex_;
  size_t spare_bytes_ = 0;  // of slabs without blocks in use
  std::map<size_t, Slabs> by_block_bytes_;
};

}  // namespace kvscope
