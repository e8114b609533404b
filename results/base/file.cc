#include "results/base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/cleanup/cleanup.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

absl::Status ErrnoError(const std::string& path, std::string_view action) {
  return absl::UnavailableError(fmt::format("{}: cannot {}: {}", path, action, std::strerror(errno)));
}

absl::Status WriteAll(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoError(path, "write");
    content.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error))
    return absl::NotFoundError(fmt::format("{}: no such file", path));
  std::ifstream in(path, std::ios::binary);
  if (!in) return ErrnoError(path, "open");
  std::ostringstream content;
  content << in.rdbuf();
  if (in.bad()) return ErrnoError(path, "read");
  return std::move(content).str();
}

absl::Status WriteFileAtomically(const std::string& path, std::string_view content) {
  const std::string temporary = fmt::format("{}.tmp.{}", path, ::getpid());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return ErrnoError(temporary, "create");
  absl::Cleanup remove_temporary = [&] { ::unlink(temporary.c_str()); };
  absl::Status status = WriteAll(fd, content, temporary);
  if (status.ok() && ::fsync(fd) != 0) status = ErrnoError(temporary, "sync");
  if (::close(fd) != 0 && status.ok()) status = ErrnoError(temporary, "close");
  if (!status.ok()) return status;
  if (::rename(temporary.c_str(), path.c_str()) != 0) return ErrnoError(path, "rename into place");
  std::move(remove_temporary).Cancel();
  return SyncFolderOf(path);
}

absl::Status SyncFolderOf(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const std::string folder = parent.empty() ? std::filesystem::path(".") : parent;
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(folder, "open");
  const absl::Cleanup close_folder = [fd] { ::close(fd); };
  // EINVAL: a file system that has no such thing.
  return ::fsync(fd) == 0 || errno == EINVAL ? absl::OkStatus() : ErrnoError(folder, "sync");
}

absl::Status MakeFolder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error)
    return absl::UnavailableError(fmt::format("{}: cannot create the folder: {}", path, error.message()));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const MappedFile>> MappedFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT || errno == ENOTDIR)
      return absl::NotFoundError(fmt::format("{}: no such file", path));
    return ErrnoError(path, "open");
  }
  absl::Cleanup close_file = [fd] { ::close(fd); };
  struct stat info;
  if (::fstat(fd, &info) != 0) return ErrnoError(path, "stat");
  if (!S_ISREG(info.st_mode)) return absl::NotFoundError(fmt::format("{}: not a regular file", path));
  if (info.st_size == 0) return absl::DataLossError(fmt::format("{}: the file is empty", path));
  const auto size = static_cast<size_t>(info.st_size);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (address == MAP_FAILED) return ErrnoError(path, "map");
  return std::shared_ptr<const MappedFile>(
      new MappedFile(path, std::span(static_cast<const std::byte*>(address), size)));
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

}  // namespace kvscope
