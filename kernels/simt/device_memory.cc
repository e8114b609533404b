#include "kernels/simt/device_memory.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <map>

#include "kernels/simt/fault.h"
#include "kernels/simt/options.h"
#include "kernels/simt/report.h"
#include "kernels/simt/sanitizers.h"

namespace kvscope::simt {
namespace {

constexpr size_t kArenaBytes = size_t{64} << 30;  // of addresses; memory is taken by allocations only
constexpr size_t kPageBytes = 4096;
constexpr size_t kAlignment = 256;

constexpr size_t RoundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

// An allocation fills its pages to the end, up to alignment: past it is a page that is never accessible, so
// that an access out of bounds faults even in builds without AddressSanitizer, which is exact to the byte.
struct Allocation {
  size_t bytes;
  std::byte* pages;
  size_t page_bytes;
  bool freed = false;
};

struct Arena {
  Arena();

  std::byte* base;
  size_t used = 0;
  size_t allocated_bytes = 0;
  bool protect;
  int open = 0;                                     // DeviceAccess objects that live
  std::map<const std::byte*, Allocation> by_begin;  // freed ones too, for reports
};

Arena::Arena() : protect(CurrentOptions().protect_memory) {
  void* mapped = mmap(nullptr, kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) Fatal("no address space for {} bytes of device memory", kArenaBytes);
  base = static_cast<std::byte*>(mapped);
  InstallFaultHandler();
}

Arena& TheArena() {
  static Arena& arena = *new Arena;
  return arena;
}

void SetAccess(const Allocation& allocation, int protection) {
  if (mprotect(allocation.pages, allocation.page_bytes, protection) != 0) {
    Fatal("mprotect of {} bytes of device memory failed", allocation.page_bytes);
  }
}

void SetAccessOfAll(const Arena& arena, int protection) {
  for (const auto& [begin, allocation] : arena.by_begin) {
    if (!allocation.freed) SetAccess(allocation, protection);
  }
}

// The allocation with the highest beginning not above `address`; null when there is none.
const std::pair<const std::byte* const, Allocation>* AllocationBefore(const Arena& arena,
                                                                      const void* address) {
  auto after = arena.by_begin.upper_bound(static_cast<const std::byte*>(address));
  return after == arena.by_begin.begin() ? nullptr : &*--after;
}

}  // namespace

void* AllocateDevice(size_t bytes) {
  Arena& arena = TheArena();
  const size_t limit = CurrentOptions().device_bytes;
  if (bytes > limit || arena.allocated_bytes > limit - bytes) return nullptr;
  const size_t aligned_bytes = RoundUp(bytes, kAlignment);
  const size_t page_bytes = RoundUp(aligned_bytes, kPageBytes);
  if (page_bytes + kPageBytes > kArenaBytes - arena.used) return nullptr;
  const Allocation allocation{bytes, arena.base + arena.used, page_bytes};
  std::byte* begin = allocation.pages + page_bytes - aligned_bytes;
  SetAccess(allocation, PROT_READ | PROT_WRITE);
  std::memset(begin, 0xff, bytes);
  Poison(allocation.pages, page_bytes + kPageBytes);
  Unpoison(begin, bytes);
  if (arena.protect && arena.open == 0) SetAccess(allocation, PROT_NONE);
  arena.used += page_bytes + kPageBytes;
  arena.allocated_bytes += bytes;
  arena.by_begin.emplace(begin, allocation);
  return begin;
}

bool FreeDevice(void* begin) {
  Arena& arena = TheArena();
  const auto found = arena.by_begin.find(static_cast<std::byte*>(begin));
  if (found == arena.by_begin.end() || found->second.freed) return false;
  Allocation& allocation = found->second;
  allocation.freed = true;
  arena.allocated_bytes -= allocation.bytes;
  SetAccess(allocation, PROT_NONE);
  madvise(allocation.pages, allocation.page_bytes,
          MADV_DONTNEED);  // the memory goes back, the addresses do not
  return true;
}

bool IsDevice(const void* address) {
  return reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(TheArena().base) < kArenaBytes;
}

bool IsAllocated(const void* begin, size_t bytes) {
  const auto* found = AllocationBefore(TheArena(), begin);
  if (found == nullptr || found->second.freed) return false;
  const auto offset = static_cast<size_t>(static_cast<const std::byte*>(begin) - found->first);
  return offset < found->second.bytes && bytes <= found->second.bytes - offset;
}

size_t AllocatedDeviceBytes() { return TheArena().allocated_bytes; }

std::string DescribeDeviceAddress(const void* address) {
  const auto* found = AllocationBefore(TheArena(), address);
  if (found == nullptr) return "before every allocation";
  const auto& [begin, allocation] = *found;
  const auto offset = static_cast<size_t>(static_cast<const std::byte*>(address) - begin);
  const char* kind = allocation.freed ? "a freed allocation" : "an allocation";
  if (offset < allocation.bytes)
    return fmt::format("byte {} of {} of {} bytes", offset, kind, allocation.bytes);
  return fmt::format("{} bytes past the end of {} of {} bytes", offset - allocation.bytes, kind,
                     allocation.bytes);
}

DeviceAccess::DeviceAccess() {
  Arena& arena = TheArena();
  if (arena.open++ == 0 && arena.protect) SetAccessOfAll(arena, PROT_READ | PROT_WRITE);
}

DeviceAccess::~DeviceAccess() {
  Arena& arena = TheArena();
  if (--arena.open == 0 && arena.protect) SetAccessOfAll(arena, PROT_NONE);
}

}  // namespace kvscope::simt
