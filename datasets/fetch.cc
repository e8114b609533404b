#include "datasets/fetch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "datasets/arith/embedded_model.h"
#include "datasets/url.h"
#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool HasSize(const std::string& path, uint64_t bytes) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && std::filesystem::file_size(path, error) == bytes &&
         !error;
}

bool IsWhole(const std::string& path, const CatalogFile& file) {
  if (!HasSize(path, file.bytes)) return false;
  const auto hash = Sha256OfFile(path);
  return hash.ok() && *hash == file.sha256;
}

// An advisory lock on `path`, released by the returned object or by the end of the process. The lock file
// stays: removing it would let a third process lock a new file of the same name while the second still waits
// on the old.
class FileLock {
 public:
  static absl::StatusOr<FileLock> Acquire(const std::string& path) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return absl::UnavailableError(fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
    FileLock lock(fd);
    while (::flock(fd, LOCK_EX) != 0) {
      if (errno != EINTR)
        return absl::UnavailableError(fmt::format("{}: cannot lock: {}", path, std::strerror(errno)));
    }
    return lock;
  }
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  ~FileLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace

absl::StatusOr<FetchOptions> FetchOptionsFromEnvironment() {
  FetchOptions options;
  options.mirror = Environment("KVSCOPE_MIRROR");
  options.cache_folder = Environment("KVSCOPE_CACHE");
  if (options.cache_folder.empty()) {
    if (const std::string xdg = Environment("XDG_CACHE_HOME"); !xdg.empty())
      options.cache_folder = fmt::format("{}/kvscope", xdg);
    else if (const std::string home = Environment("HOME"); !home.empty())
      options.cache_folder = fmt::format("{}/.cache/kvscope", home);
    else
      return absl::InvalidArgumentError("no cache folder: set KVSCOPE_CACHE or HOME");
  }
  options.transfer.token = Environment("HF_TOKEN");
  const std::string& token = options.transfer.token;
  if (!std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; }))
    return absl::InvalidArgumentError("HF_TOKEN: expected printable characters without spaces");
  return options;
}

Fetcher::Fetcher(FetchOptions options, const Catalog& catalog)
    : options_(std::move(options)), catalog_(catalog) {}

std::string Fetcher::PathOf(const CatalogEntry& entry, const CatalogFile& file) const {
  return fmt::format("{}/{}/{}", options_.cache_folder, entry.Folder(), file.name);
}

bool Fetcher::IsPresent(const CatalogEntry& entry) const {
  if (entry.embedded) return true;
  return !entry.files.empty() &&
         std::all_of(entry.files.begin(), entry.files.end(),
                     [&](const CatalogFile& file) { return HasSize(PathOf(entry, file), file.bytes); });
}

absl::StatusOr<std::string> Fetcher::Fetch(const CatalogEntry& entry, const CatalogFile& file) const {
  const std::string path = PathOf(entry, file);
  if (IsWhole(path, file)) return path;
  RETURN_IF_ERROR(MakeFolder(std::filesystem::path(path).parent_path()));
  ASSIGN_OR_RETURN(const FileLock lock, FileLock::Acquire(fmt::format("{}.lock", path)));
  if (!IsWhole(path, file)) RETURN_IF_ERROR(Download(file, path));  // unless another process has done it
  return path;
}

absl::StatusOr<std::string> Fetcher::Fetch(const CatalogEntry& entry) const {
  if (entry.embedded) return ExtractArithModel(options_.cache_folder);
  if (entry.files.empty())
    return absl::NotFoundError(
        fmt::format("{}: cannot be downloaded by kvscope; {}", entry.name, entry.obtain));
  for (const CatalogFile& file : entry.files) RETURN_IF_ERROR(Fetch(entry, file).status());
  return fmt::format("{}/{}", options_.cache_folder, entry.Folder());
}

// REQUIRES: the caller holds the lock of `path`.
absl::Status Fetcher::Download(const CatalogFile& file, const std::string& path) const {
  const std::string partial = fmt::format("{}.partial", path);
  std::error_code error;
  const bool resumes = std::filesystem::exists(partial, error);
  absl::Status status = DownloadOnce(file, partial);
  // What an earlier run left may have been at fault, so the content gets one chance as a whole.
  if (resumes && absl::IsDataLoss(status)) status = DownloadOnce(file, partial);
  if (!status.ok()) {
    if (HasSize(partial, 0)) std::filesystem::remove(partial, error);
    return status;
  }
  std::filesystem::rename(partial, path, error);
  if (error)
    return absl::UnavailableError(fmt::format("{}: cannot rename into place: {}", path, error.message()));
  return absl::OkStatus();
}

absl::Status Fetcher::DownloadOnce(const CatalogFile& file, const std::string& partial) const {
  const std::string url = MirroredUrl(file.url, options_.mirror);
  TransferOptions transfer = options_.transfer;
  if (options_.on_progress) {
    transfer.on_progress = [&](uint64_t bytes) { options_.on_progress({file.name, bytes, file.bytes}); };
  }
  std::error_code error;
  auto delay = options_.first_delay;
  for (int attempt = 0; !HasSize(partial, file.bytes); ++attempt) {
    const TransferResult result = Transfer(url, partial, file.bytes, transfer);
    if (result.status.ok()) break;
    if (absl::IsDataLoss(result.status)) std::filesystem::remove(partial, error);
    if (!result.transient || attempt >= options_.retries) return result.status;
    std::this_thread::sleep_for(delay);
    delay *= 2;
  }
  ASSIGN_OR_RETURN(const std::string found, Sha256OfFile(partial));
  if (found == file.sha256) return absl::OkStatus();
  const uint64_t size = std::filesystem::file_size(partial, error);
  std::filesystem::remove(partial, error);
  return absl::DataLossError(
      fmt::format("{}: expected {} bytes with sha256 {}, found {} bytes with sha256 {}", url, file.bytes,
                  file.sha256, size, found));
}

}  // namespace kvscope
