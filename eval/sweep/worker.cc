#include "eval/sweep/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "fmt/format.h"
#include "results/base/jsonl.h"

namespace kvscope {
namespace {

void SendLine(int fd, const nlohmann::json& message) {
  const std::string line = DumpJson(message) + "\n";
  for (size_t sent = 0; sent < line.size();) {
    const ssize_t n = ::write(fd, line.data() + sent, line.size() - sent);
    if (n < 0 && errno != EINTR) return;
    if (n > 0) sent += static_cast<size_t>(n);
  }
}

[[noreturn]] void RunChild(int fd, pid_t parent, const std::function<void(const SendMessage&)>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before prctl
  ::signal(SIGPIPE, SIG_IGN);
  int exit_code = 0;
  try {
    work([fd](const nlohmann::json& message) { SendLine(fd, message); });
  } catch (const std::exception& error) {
    fmt::print(stderr, "kvscope: {}\n", error.what());
    exit_code = 1;
  }
  std::fflush(nullptr);
  ::_exit(exit_code);  // without the parent's destructors and exit handlers
}

}  // namespace

absl::StatusOr<std::unique_ptr<Worker>> Worker::Start(const std::function<void(const SendMessage&)>& work) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return absl::ResourceExhaustedError(fmt::format("cannot make a pipe: {}", std::strerror(errno)));
  std::fflush(nullptr);  // or the child would write it a second time
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    RunChild(ends[1], parent, work);
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return absl::ResourceExhaustedError(fmt::format("cannot start a process: {}", std::strerror(errno)));
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return std::unique_ptr<Worker>(new Worker(child, ends[0]));
}

Worker::~Worker() {
  if (child_ != 0) {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }
  ::close(fd_);
}

bool Worker::Receive(const std::function<void(const nlohmann::json& message)>& message) {
  char buffer[4096];
  ssize_t n = 0;
  while ((n = ::read(fd_, buffer, sizeof(buffer))) > 0) {
    last_message_ = std::chrono::steady_clock::now();
    unread_.append(buffer, static_cast<size_t>(n));
  }
  const bool ended = n == 0;
  size_t begin = 0;
  for (size_t end; (end = unread_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    const auto parsed = ParseJson(std::string_view(unread_).substr(begin, end - begin), "worker");
    if (parsed.ok()) message(*parsed);
  }
  unread_.erase(0, begin);
  return !ended;
}

std::string Worker::Wait() {
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = 0;
  if (WIFSIGNALED(status))
    return fmt::format("killed by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
  if (WEXITSTATUS(status) != 0) return fmt::format("ended with exit code {}", WEXITSTATUS(status));
  return "";
}

void Worker::Signal(int signal) {
  if (child_ != 0) ::kill(child_, signal);
}

}  // namespace kvscope
