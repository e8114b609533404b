// What the emulator tells AddressSanitizer and ThreadSanitizer; nothing in builds without them.
//
// Under ThreadSanitizer the kernels are instrumented and the emulator's own sources are not: the function
// that switches fibers must not be, and the state of the emulator is not the program's. These sources are
// compiled with KVSCOPE_SIMT_TSAN defined instead.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(KVSCOPE_SIMT_TSAN)
#include <sanitizer/tsan_interface.h>
extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
void __tsan_read_range(void* address, unsigned long bytes);
void __tsan_write_range(void* address, unsigned long bytes);
}
#endif

namespace kvscope::simt {

#if defined(__SANITIZE_ADDRESS__)
inline void Poison(const void* begin, size_t bytes) { __asan_poison_memory_region(begin, bytes); }
inline void Unpoison(const void* begin, size_t bytes) { __asan_unpoison_memory_region(begin, bytes); }
#else
inline void Poison(const void*, size_t) {}
inline void Unpoison(const void*, size_t) {}
#endif

// What one thread did before ReleaseTo(object) happens before what another does after AcquireFrom(object).
#if defined(KVSCOPE_SIMT_TSAN)
inline void ReleaseTo(void* object) { __tsan_release(object); }
inline void AcquireFrom(void* object) { __tsan_acquire(object); }
#else
inline void ReleaseTo(void*) {}
inline void AcquireFrom(void*) {}
#endif

// What the emulator reads and writes for the running thread of the program.
#if defined(KVSCOPE_SIMT_TSAN)
inline void NoteRead(const void* begin, size_t bytes) { __tsan_read_range(const_cast<void*>(begin), bytes); }
inline void NoteWrite(void* begin, size_t bytes) { __tsan_write_range(begin, bytes); }
#else
inline void NoteRead(const void*, size_t) {}
inline void NoteWrite(void*, size_t) {}
#endif

// While it lives, the accesses of the calling thread are the emulator's, not the program's.
class IgnoreAccesses {
 public:
#if defined(KVSCOPE_SIMT_TSAN)
  IgnoreAccesses() {
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~IgnoreAccesses() {
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
#else
  IgnoreAccesses() {}
#endif
  IgnoreAccesses(const IgnoreAccesses&) = delete;
  IgnoreAccesses& operator=(const IgnoreAccesses&) = delete;
};

}  // namespace kvscope::simt
