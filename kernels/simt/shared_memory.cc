#include "kernels/simt/shared_memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "kernels/simt/block.h"
#include "kernels/simt/report.h"
#include "kernels/simt/sanitizers.h"

namespace kvscope::simt {
namespace {

constexpr size_t kDynamicAlignment = 1024;
constexpr size_t kDeclaredBytes = size_t{4} << 20;  // of the arrays of all kernels of a program
constexpr size_t kDeclaredUnit = 64;                // arrays begin in units of their own
constexpr size_t kGuardBytes = 64;

// Memory that sanitizers let nobody touch but what is opened.
struct Region {
  explicit Region(size_t size)
      : begin(static_cast<std::byte*>(std::aligned_alloc(kDynamicAlignment, size))), bytes(size) {
    if (begin == nullptr) Fatal("no memory for shared memory");
    Poison(begin, bytes);
  }

  bool Contains(const void* address) const {
    return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(begin) < bytes;
  }

  std::byte* begin;
  size_t bytes;
};

Region& Dynamic() {
  static Region& region = *new Region(kMaxSharedBytes + kDynamicAlignment);
  return region;
}

Region& Declared() {
  static Region& region = *new Region(kDeclaredBytes);
  return region;
}

uint64_t g_block = 0;  // counts blocks

std::byte* AllocateDeclared(size_t bytes, size_t alignment) {
  static size_t used = 0;
  const size_t offset = used + (alignment < kDeclaredUnit ? alignment : 0);
  if (bytes > kDeclaredBytes - offset)
    Fatal("kernels declare more than {} bytes of shared memory", kDeclaredBytes);
  used = std::min((offset + bytes + kGuardBytes + kDeclaredUnit - 1) / kDeclaredUnit * kDeclaredUnit,
                  kDeclaredBytes);
  Unpoison(Declared().begin + offset, bytes);
  return Declared().begin + offset;
}

}  // namespace

void* DynamicShared() { return Dynamic().begin; }

void ReserveDynamicShared(size_t bytes) {
  Poison(Dynamic().begin, Dynamic().bytes);
  Unpoison(Dynamic().begin, bytes);
}

void RenewSharedMemory(size_t dynamic_bytes) {
  std::memset(Dynamic().begin, 0xff, dynamic_bytes);
  Declared();  // allocated by the host: to ThreadSanitizer a device thread would own it
  ++g_block;
}

bool IsShared(const void* address) { return Dynamic().Contains(address) || Declared().Contains(address); }

void* SharedMemoryOf(SharedSlot& slot, size_t bytes, size_t alignment) {
  if (slot.begin == nullptr) slot.begin = AllocateDeclared(bytes, alignment);
  if (slot.block != g_block) {
    slot.block = g_block;
    const IgnoreAccesses ignore;  // the thread that comes first writes for all
    std::memset(slot.begin, 0xff, bytes);
  }
  return slot.begin;
}

}  // namespace kvscope::simt
