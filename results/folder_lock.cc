#include "results/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

namespace kvscope {

absl::StatusOr<std::unique_ptr<FolderLock>> FolderLock::Take(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return absl::UnavailableError(fmt::format("{}: cannot open: {}", folder, std::strerror(errno)));
  std::unique_ptr<FolderLock> lock(new FolderLock(fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK)
    return absl::AlreadyExistsError(fmt::format("{}: another process is writing this folder", folder));
  return absl::UnavailableError(fmt::format("{}: cannot lock: {}", folder, std::strerror(errno)));
}

FolderLock::~FolderLock() { ::close(fd_); }

}  // namespace kvscope
