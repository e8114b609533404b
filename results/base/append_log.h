// A text file of lines that is only ever appended to: what a process had written when it was killed is there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kvscope {

// Takes a whole line, without its newline; `where` is "path:number", for messages.
using LineReader = std::function<absl::Status(std::string_view line, const std::string& where)>;

class AppendLog {
 public:
  // Opens or creates the file and gives `read` every line that is there; its first error is returned. A last
  // line without its newline was torn by a crash: it is cut off. The caller sees to it that no other process
  // writes the file (results/folder_lock.h).
  static absl::StatusOr<std::unique_ptr<AppendLog>> Open(const std::string& path, const LineReader& read);
  ~AppendLog();
  AppendLog(const AppendLog&) = delete;
  AppendLog& operator=(const AppendLog&) = delete;

  // One write and one fsync: after OK the line is on disk. Unavailable: it is not, and what a full disk took
  // of it was cut off again. REQUIRES: no newline in `line`.
  absl::Status Append(std::string_view line);

 private:
  AppendLog(std::string path, int fd, size_t bytes) : path_(std::move(path)), fd_(fd), bytes_(bytes) {}

  const std::string path_;
  const int fd_;
  size_t bytes_;  // of whole lines
};

// The whole lines of such a file, read only. `problem` gets the message of every line that `read` refused,
// and of a torn last one. NotFound when absent.
absl::Status ReadLog(const std::string& path, const LineReader& read,
                     const std::function<void(std::string message)>& problem);

}  // namespace kvscope
