// Work done in a child process, so that its crash, its death for want of memory and its standing still are
// seen from outside and cost nothing but its own work.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

// To the parent; dropped when that does not listen any more.
using SendMessage = std::function<void(const nlohmann::json& message)>;

class Worker {
 public:
  // Runs `work` in a child, which dies when its parent does. REQUIRES: the process has one thread.
  static absl::StatusOr<std::unique_ptr<Worker>> Start(const std::function<void(const SendMessage&)>& work);
  ~Worker();  // kills the child if it runs
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Readable when there is a message or the child has ended.
  int fd() const { return fd_; }

  // Hands over the messages that are there. False when the child has ended.
  bool Receive(const std::function<void(const nlohmann::json& message)>& message);

  // After Receive returned false: empty when the work was done, otherwise how the child ended ("killed by
  // signal 9 (Killed)").
  std::string Wait();

  void Signal(int signal);
  std::chrono::steady_clock::time_point last_message() const { return last_message_; }

 private:
  Worker(pid_t child, int fd) : child_(child), fd_(fd) {}

  pid_t child_;  // 0 once it was waited for
  const int fd_;
  std::string unread_;  // the beginning of a message
  std::chrono::steady_clock::time_point last_message_ = std::chrono::steady_clock::now();
};

}  // namespace kvscope
