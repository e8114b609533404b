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

  // `bytes`: as it was allocated. A slab without blocks in use goes back to the system.
  void Free(std::byte* block, size_t bytes);

 private:
  struct Slab {
    HugeBuffer memory;
    size_t blocks = 0;
    std::vector<std::byte*> free;
  };
  using Slabs = std::map<const std::byte*, Slab>;  // by address

  // One with a free block.
  static Slab& WithRoom(Slabs& slabs, size_t bytes);

  std::mutex mutex_;
  std::map<size_t, Slabs> by_block_bytes_;
};

}  // namespace kvscope
