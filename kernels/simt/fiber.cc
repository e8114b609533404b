#include "kernels/simt/fiber.h"

#include <sys/mman.h>

#include <cstdint>

#include "kernels/simt/report.h"
#include "kernels/simt/sanitizers.h"

#if defined(__x86_64__)
// Saves the registers that a call preserves on the stack of the fiber that is left, and restores those of the
// other. It ends in a jump because every fiber resumes at the same address: a return would be predicted wrong
// each time.
extern "C" void kvscope_simt_switch(void** saved, void* next);
__asm__(R"(
  .text
  .type kvscope_simt_switch,@function
kvscope_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
  .size kvscope_simt_switch, .-kvscope_simt_switch
)");
#endif

namespace kvscope::simt {
namespace {

constexpr size_t kPageBytes = 4096;
#if defined(__SANITIZE_ADDRESS__) || defined(KVSCOPE_SIMT_TSAN)
constexpr size_t kStackBytes = 256 * 1024;  // instrumented frames are several times larger
#else
constexpr size_t kStackBytes = 64 * 1024;
#endif

// The two sides of the switch under way.
Fiber* g_from = nullptr;
Fiber* g_to = nullptr;

}  // namespace

Fiber::Fiber() {
#if defined(KVSCOPE_SIMT_TSAN)
  tsan_fiber_ = __tsan_get_current_fiber();
#endif
}

void Fiber::Start(void (*main)()) {
  void* mapped = mmap(nullptr, kPageBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED || mprotect(mapped, kPageBytes, PROT_NONE) != 0) {
    Fatal("no memory for the stack of a device thread");
  }
  main_ = main;
  guard_ = static_cast<const std::byte*>(mapped);
  std::byte* stack = static_cast<std::byte*>(mapped) + kPageBytes;
  stack_ = stack;
  stack_bytes_ = kStackBytes;
#if defined(__x86_64__)
  // As kvscope_simt_switch leaves a stack: six registers and the address to continue at. The word above is
  // where the return address of Enter would be; a function is entered with the stack pointer at 8 modulo 16.
  auto* top = reinterpret_cast<uintptr_t*>(stack + kStackBytes);
  top[-2] = reinterpret_cast<uintptr_t>(&Fiber::Enter);
  stack_pointer_ = top - 8;
#else
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack;
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  makecontext(&context_, &Fiber::Enter, 0);
#endif
#if defined(KVSCOPE_SIMT_TSAN)
  tsan_fiber_ = __tsan_create_fiber(0);
#endif
}

bool Fiber::InGuard(const void* address) const {
  const auto offset = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(guard_);
  return started() && offset < kPageBytes;
}

void Fiber::Enter() {
  FinishSwitch();
  g_to->main_();
}

// On the stack of g_to.
void Fiber::FinishSwitch() {
#if defined(__SANITIZE_ADDRESS__)
  // Also tells the bounds of the stack just left: how those of the host's are found out.
  __sanitizer_finish_switch_fiber(g_to->fake_stack_, &g_from->stack_, &g_from->stack_bytes_);
#endif
}

void Fiber::Switch(Fiber& from, Fiber& to) {
  g_from = &from;
  g_to = &to;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.stack_, to.stack_bytes_);
#endif
#if defined(KVSCOPE_SIMT_TSAN)
  // A switch is the emulator's choice and orders nothing in the program.
  __tsan_switch_to_fiber(to.tsan_fiber_, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__x86_64__)
  kvscope_simt_switch(&from.stack_pointer_, to.stack_pointer_);
#else
  swapcontext(&from.context_, &to.context_);
#endif
  FinishSwitch();
}

}  // namespace kvscope::simt
