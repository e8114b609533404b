#include "kernels/simt/async_copy.h"

#include <cstdint>
#include <cstring>

#include "kernels/simt/device_memory.h"
#include "kernels/simt/report.h"
#include "kernels/simt/sanitizers.h"
#include "kernels/simt/shared_memory.h"
#include "kernels/simt/state.h"

namespace kvscope::simt {
namespace {

bool IsAligned(const void* address) { return reinterpret_cast<uintptr_t>(address) % kAsyncCopyBytes == 0; }

void CarryOut(const AsyncCopy& copy) {
  NoteWrite(copy.shared, kAsyncCopyBytes);
  if (copy.global == nullptr) {
    std::memset(copy.shared, 0, kAsyncCopyBytes);
    return;
  }
  NoteRead(copy.global, kAsyncCopyBytes);
  std::memcpy(copy.shared, copy.global, kAsyncCopyBytes);
}

bool AtOnce(Engine& engine) {
  return engine.order == Order::kReverse || (engine.order == Order::kRandom && engine.random() % 2 == 0);
}

}  // namespace

void StartAsyncCopy(void* shared, const void* global, bool read, const std::source_location& where) {
  Engine& engine = TheEngine();
  if (engine.current == nullptr) Fatal("an asynchronous copy is started outside a kernel");
  if (!IsAligned(shared) || !IsAligned(global)) {
    Fatal("asynchronous copy at {}: {} and {} are not both aligned to {} bytes", Describe(where), shared,
          global, kAsyncCopyBytes);
  }
  if (!IsShared(shared) || (read && !IsDevice(global))) {
    Fatal("asynchronous copy at {}: not from device memory to shared memory", Describe(where));
  }
  if (read) CountLoad(global, kAsyncCopyBytes);
  CountStore(shared, kAsyncCopyBytes);
  const AsyncCopy copy{shared, read ? global : nullptr};
  if (AtOnce(engine)) {
    CarryOut(copy);
  } else {
    engine.current->async_copies.push_back(copy);
  }
}

void CommitAsyncCopies() {
  Thread& thread = *TheEngine().current;
  thread.async_groups.push_back(thread.async_copies.size());
}

void WaitForAsyncCopies(unsigned left) {
  Thread& thread = *TheEngine().current;
  if (thread.async_groups.size() <= left) return;
  const size_t groups = thread.async_groups.size() - left;
  const size_t copies = thread.async_groups[groups - 1];
  for (size_t i = 0; i < copies; ++i) CarryOut(thread.async_copies[i]);
  thread.async_copies.erase(thread.async_copies.begin(),
                            thread.async_copies.begin() + static_cast<std::ptrdiff_t>(copies));
  thread.async_groups.erase(thread.async_groups.begin(),
                            thread.async_groups.begin() + static_cast<std::ptrdiff_t>(groups));
  for (size_t& end : thread.async_groups) end -= copies;
}

}  // namespace kvscope::simt
