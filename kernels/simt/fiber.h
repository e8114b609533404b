// A stack and the state to continue on it. The emulator gives every CUDA thread of a block one, and switches
// between them by hand, so that which thread runs next is its choice.
#pragma once

#include <cstddef>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace kvscope::simt {

class Fiber {
 public:
  // Not started: stands for the stack of whoever first switches away from it.
  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  bool started() const { return guard_ != nullptr; }

  // Maps a stack, which is kept to the end of the process. The first switch to this fiber calls `main`, which
  // must not return.
  void Start(void (*main)());

  // Whether `address` is in the page below the stack, where a stack that overflows faults.
  bool InGuard(const void* address) const;

  // Leaves `from`, which must be the running fiber, and continues `to`. Returns when something switches back.
  static void Switch(Fiber& from, Fiber& to);

 private:
  static void Enter();
  static void FinishSwitch();

  void (*main_)() = nullptr;
  const std::byte* guard_ = nullptr;
#if defined(__x86_64__)
  void* stack_pointer_ = nullptr;  // where the registers are saved while another fiber runs
#else
  ucontext_t context_;
#endif
  // For the sanitizers.
  const void* stack_ = nullptr;
  size_t stack_bytes_ = 0;
  void* fake_stack_ = nullptr;
  void* tsan_fiber_ = nullptr;
};

}  // namespace kvscope::simt
