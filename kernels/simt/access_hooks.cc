// Counts the loads and stores of kernels that are compiled with -fsanitize=thread and linked without
// ThreadSanitizer: the compiler calls these functions, whose names it fixes, at each access. In no other
// build.
#include <cstdint>

#include "kernels/simt/device_memory.h"
#include "kernels/simt/shared_memory.h"
#include "kernels/simt/state.h"
#include "kernels/simt/touched_bytes.h"

namespace kvscope::simt {
namespace {

enum class Access : uint8_t { kLoad, kStore };

// Of device memory, in the launch that runs.
struct Touched {
  TouchedBytes loaded;
  TouchedBytes stored;
};

Touched& TheTouched() {
  static auto& touched = *new Touched;
  return touched;
}

void Count(const void* address, uint64_t bytes, Access access) {
  KernelCounters* counters = TheEngine().counters;
  if (counters == nullptr) return;
  if (IsDevice(address)) {
    if (access == Access::kLoad) {
      counters->global_load_bytes += bytes;
      counters->unique_load_bytes += TheTouched().loaded.Add(address, bytes);
    } else {
      counters->global_store_bytes += bytes;
      counters->unique_store_bytes += TheTouched().stored.Add(address, bytes);
    }
  } else if (IsShared(address)) {
    (access == Access::kLoad ? counters->shared_load_bytes : counters->shared_store_bytes) += bytes;
  }
}

void CountAtomic(const volatile void* address, uint64_t bytes) {
  Count(const_cast<const void*>(address), bytes, Access::kLoad);
  Count(const_cast<const void*>(address), bytes, Access::kStore);
}

}  // namespace

bool CountsAccesses() { return true; }

void CountLaunch() {
  TheTouched().loaded.Clear();
  TheTouched().stored.Clear();
}

void CountLoad(const void* address, uint64_t bytes) { Count(address, bytes, Access::kLoad); }
void CountStore(void* address, uint64_t bytes) { Count(address, bytes, Access::kStore); }

}  // namespace kvscope::simt

using kvscope::simt::Access;
using kvscope::simt::Count;
using kvscope::simt::CountAtomic;

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit(void*) {}
void __tsan_vptr_update(void**, void*) {}  // in host code
void __tsan_vptr_read(void**) {}
void __tsan_read_range(void* address, unsigned long bytes) { Count(address, bytes, Access::kLoad); }
void __tsan_write_range(void* address, unsigned long bytes) { Count(address, bytes, Access::kStore); }

#define KVSCOPE_SIMT_ACCESS(bytes)                                                           \
  void __tsan_read##bytes(void* address) { Count(address, bytes, Access::kLoad); }           \
  void __tsan_write##bytes(void* address) { Count(address, bytes, Access::kStore); }         \
  void __tsan_unaligned_read##bytes(void* address) { Count(address, bytes, Access::kLoad); } \
  void __tsan_unaligned_write##bytes(void* address) { Count(address, bytes, Access::kStore); }
KVSCOPE_SIMT_ACCESS(1)
KVSCOPE_SIMT_ACCESS(2)
KVSCOPE_SIMT_ACCESS(4)
KVSCOPE_SIMT_ACCESS(8)
KVSCOPE_SIMT_ACCESS(16)

// The compiler replaces atomic operations too.
#define KVSCOPE_SIMT_FETCH(bits, operation, builtin)                                                       \
  uint##bits##_t __tsan_atomic##bits##_##operation(volatile uint##bits##_t* address, uint##bits##_t value, \
                                                   int) {                                                  \
    CountAtomic(address, bits / 8);                                                                        \
    return builtin(address, value, __ATOMIC_RELAXED);                                                      \
  }
#define KVSCOPE_SIMT_COMPARE_EXCHANGE(bits, strength)                                                        \
  int __tsan_atomic##bits##_compare_exchange_##strength(                                                     \
      volatile uint##bits##_t* address, uint##bits##_t* expected, uint##bits##_t value, int, int) {          \
    CountAtomic(address, bits / 8);                                                                          \
    return __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED); \
  }
// A load of the loops that are one atomic operation on a device: counted where they end.
#define KVSCOPE_SIMT_ATOMICS(bits)                                                         \
  uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t* address, int) { \
    return __atomic_load_n(address, __ATOMIC_RELAXED);                                     \
  }                                                                                        \
  KVSCOPE_SIMT_FETCH(bits, exchange, __atomic_exchange_n)                                  \
  KVSCOPE_SIMT_FETCH(bits, fetch_add, __atomic_fetch_add)                                  \
  KVSCOPE_SIMT_FETCH(bits, fetch_sub, __atomic_fetch_sub)                                  \
  KVSCOPE_SIMT_FETCH(bits, fetch_and, __atomic_fetch_and)                                  \
  KVSCOPE_SIMT_FETCH(bits, fetch_or, __atomic_fetch_or)                                    \
  KVSCOPE_SIMT_FETCH(bits, fetch_xor, __atomic_fetch_xor)                                  \
  KVSCOPE_SIMT_COMPARE_EXCHANGE(bits, strong)                                              \
  KVSCOPE_SIMT_COMPARE_EXCHANGE(bits, weak)
KVSCOPE_SIMT_ATOMICS(32)
KVSCOPE_SIMT_ATOMICS(64)

}  // extern "C"
