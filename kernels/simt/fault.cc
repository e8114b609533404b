#include "kernels/simt/fault.h"

#include <signal.h>

#include <vector>

#include "kernels/simt/block.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/report.h"

namespace kvscope::simt {
namespace {

constexpr size_t kHandlerStackBytes = 256 * 1024;

struct sigaction g_previous;

// Formats and allocates, which a signal handler must not in general: this signal comes from an access of the
// program's own code, and the program ends here.
void OnFault(int signal_number, siginfo_t* info, void*) {
  const void* address = info->si_addr;
  if (InStackGuard(address)) Fatal("stack overflow of a device thread");
  if (IsDevice(address)) {
    const bool on_device = !CurrentPlace().empty();
    Fatal("{} accesses device memory at {}: {}", on_device ? "a kernel" : "host code", address,
          DescribeDeviceAddress(address));
  }
  sigaction(signal_number, &g_previous,
            nullptr);  // the access faults again, in the handler that was there before
}

}  // namespace

void InstallFaultHandler() {
  // The thread's own stack may be what is full. A sanitizer has installed one of these already.
  stack_t installed{};
  sigaltstack(nullptr, &installed);
  if ((installed.ss_flags & SS_DISABLE) != 0) {
    static auto& stack = *new std::vector<char>(kHandlerStackBytes);
    installed = {};
    installed.ss_sp = stack.data();
    installed.ss_size = stack.size();
    sigaltstack(&installed, nullptr);
  }
  struct sigaction action {};
  action.sa_sigaction = &OnFault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigaction(SIGSEGV, &action, &g_previous);
}

}  // namespace kvscope::simt
