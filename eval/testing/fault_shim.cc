// A library to be preloaded into the program under test: makes a system call on a regular file go wrong, or
// the wall clock go backwards. KVSCOPE_FAULT says which, as CALL:NUMBER:EFFECT:
//   write, fsync, rename: the NUMBER-th such call of a process, from 1, ends in
//     full  no space is left, now and at every later call (a write takes half of its bytes first)
//     io    an input/output error, this once
//     kill  the process is killed instead
//     torn  the process is killed after half of the bytes were written
//     stop  the process stands still
//   clock:NUMBER:back: every reading of the wall clock is NUMBER seconds before the last.
// The file that KVSCOPE_FAULT_LOG names gets a byte for each fault, and one for a clock that would go
// backwards.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace {

struct Fault {
  std::string call;
  long number = 0;
  std::string effect;
};

const Fault& TheFault() {
  static const Fault fault = [] {
    const char* const variable = std::getenv("KVSCOPE_FAULT");
    const std::string text = variable == nullptr ? "" : variable;
    const size_t first = text.find(':'), second = text.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) return Fault();
    return Fault{text.substr(0, first), std::atol(text.c_str() + first + 1), text.substr(second + 1)};
  }();
  return fault;
}

void Log() {
  const char* const path = std::getenv("KVSCOPE_FAULT_LOG");
  if (path == nullptr) return;
  const int fd = ::open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (fd < 0) return;
  ::syscall(SYS_write, fd, "x", 1);
  ::close(fd);
}

// Whether this call goes wrong.
bool IsDue(std::string_view call) {
  static std::atomic<long> calls = 0;
  const Fault& fault = TheFault();
  if (fault.call != call) return false;
  const long now = ++calls;
  const bool due = now == fault.number || (fault.effect == "full" && now > fault.number);
  if (due) Log();
  return due;
}

bool IsRegularFile(int fd) {
  struct stat info;
  return ::fstat(fd, &info) == 0 && (S_ISREG(info.st_mode) || S_ISDIR(info.st_mode));
}

// What a call returns that failed, unless the process does not live to see it.
int Fail() {
  const std::string& effect = TheFault().effect;
  if (effect == "kill" || effect == "torn") ::raise(SIGKILL);
  if (effect == "stop") ::raise(SIGSTOP);
  errno = effect == "full" ? ENOSPC : EIO;
  return -1;
}

[[gnu::constructor]] void LogClock() {
  if (TheFault().call == "clock") Log();
}

template <typename Function>
Function Next(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* data, size_t size) {
  if (!IsRegularFile(fd) || !IsDue("write")) return ::syscall(SYS_write, fd, data, size);
  const std::string& effect = TheFault().effect;
  if ((effect == "full" || effect == "torn") && size > 1) {
    const ssize_t written = ::syscall(SYS_write, fd, data, size / 2);
    if (effect == "full") return written;
  }
  return Fail();
}

int fsync(int fd) {
  if (IsDue("fsync")) return Fail();
  return static_cast<int>(::syscall(SYS_fsync, fd));
}

int rename(const char* from, const char* to) noexcept {
  if (IsDue("rename")) return Fail();
  return Next<int (*)(const char*, const char*)>("rename")(from, to);
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static std::atomic<long> back = 0;
  const auto real = static_cast<int>(::syscall(SYS_clock_gettime, clock, time));
  const Fault& fault = TheFault();
  if (real != 0 || clock != CLOCK_REALTIME || fault.call != "clock") return real;
  time->tv_sec -= back += fault.number;
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

}  // extern "C"
