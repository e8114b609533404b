// Shared memory: what the launch asks for, and the arrays that kernels declare. Every block finds it full of
// 0xff, which is NaN in every float type, because on a device it finds anything there.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kvscope::simt {

// The block's dynamic shared memory, aligned to 1024 bytes.
void* DynamicShared();

// For launches: makes the dynamic part this large. To AddressSanitizer what follows is out of bounds.
void ReserveDynamicShared(size_t bytes);

// For the start of a block: fills the dynamic part, and lets declared arrays be filled at their first use.
void RenewSharedMemory(size_t dynamic_bytes);

// Whether `address` is in shared memory.
bool IsShared(const void* address);

// Where a declared array is. One for each declaration, whichever block runs: blocks run one at a time.
struct SharedSlot {
  std::byte* begin = nullptr;
  uint64_t block = 0;  // the last one that used it
};

// The slot's memory, renewed at the block's first use. Aligned to `alignment` and, on purpose, to no more.
void* SharedMemoryOf(SharedSlot& slot, size_t bytes, size_t alignment);

// The array of one declaration, which Tag stands for.
template <class T, size_t kSize, class Tag>
auto SharedArray() -> T (&)[kSize] {
  static SharedSlot slot;
  return *static_cast<T(*)[kSize]>(SharedMemoryOf(slot, sizeof(T) * kSize, alignof(T)));
}

}  // namespace kvscope::simt
