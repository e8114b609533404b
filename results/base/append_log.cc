#include "results/base/append_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

absl::Status ErrnoError(const std::string& path, std::string_view action) {
  return absl::UnavailableError(fmt::format("{}: cannot {}: {}", path, action, std::strerror(errno)));
}

// Calls `use` with every whole line. Returns the bytes up to the last newline.
size_t ForEachLine(std::string_view text, const std::string& path,
                   const std::function<void(std::string_view line, const std::string& where)>& use) {
  size_t begin = 0;
  for (int number = 1;; ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return begin;
    use(text.substr(begin, end - begin), fmt::format("{}:{}", path, number));
    begin = end + 1;
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<AppendLog>> AppendLog::Open(const std::string& path, const LineReader& read) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError(path, "open");
  std::unique_ptr<AppendLog> log(new AppendLog(path, fd, 0));
  RETURN_IF_ERROR(SyncFolderOf(path));
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  absl::Status status;
  log->bytes_ = ForEachLine(text, path, [&](std::string_view line, const std::string& where) {
    if (status.ok()) status = read(line, where);
  });
  RETURN_IF_ERROR(status);
  if (log->bytes_ < text.size() && ::ftruncate(fd, static_cast<off_t>(log->bytes_)) != 0)
    return ErrnoError(path, "cut off its torn last line");
  return log;
}

AppendLog::~AppendLog() { ::close(fd_); }

absl::Status AppendLog::Append(std::string_view line) {
  const std::string text = fmt::format("{}\n", line);
  const ssize_t written = ::write(fd_, text.data(), text.size());
  absl::Status status;
  if (written < 0) {
    status = ErrnoError(path_, "write");
  } else if (static_cast<size_t>(written) != text.size()) {
    status = absl::UnavailableError(
        fmt::format("{}: wrote {} of {} bytes of a record: is the disk full?", path_, written, text.size()));
  } else if (::fsync(fd_) != 0) {
    status = ErrnoError(path_, "sync");
  }
  if (status.ok()) {
    bytes_ += text.size();
  } else if (::ftruncate(fd_, static_cast<off_t>(bytes_)) != 0) {
    return ErrnoError(path_, "cut off a torn line");
  }
  return status;
}

absl::Status ReadLog(const std::string& path, const LineReader& read,
                     const std::function<void(std::string message)>& problem) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const size_t whole = ForEachLine(text, path, [&](std::string_view line, const std::string& where) {
    if (const absl::Status status = read(line, where); !status.ok()) problem(std::string(status.message()));
  });
  if (whole < text.size()) problem(fmt::format("{}: the last line is torn", path));
  return absl::OkStatus();
}

}  // namespace kvscope
