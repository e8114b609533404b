// Whole files: reading, writing so that no half-written file ever bears its final name, and mapping.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace kvscope {

// NotFound when absent or a folder; Unavailable on a read error.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Writes beside `path`, fsyncs, then renames over it: after a crash the old or the new content is there,
// whole.
absl::Status WriteFileAtomically(const std::string& path, std::string_view content);

// Makes what was done to the names in the folder of `path` last: a new file's content is on disk after its
// fsync, its name only after this.
absl::Status SyncFolderOf(const std::string& path);

// Creates `path` and its parents. OK when it is a folder already.
absl::Status MakeFolder(const std::string& path);

// A file mapped read-only for the life of the object.
class MappedFile {
 public:
  // NotFound when absent, DataLoss when empty, Unavailable when it cannot be mapped.
  static absl::StatusOr<std::shared_ptr<const MappedFile>> Open(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& path() const { return path_; }

 private:
  MappedFile(std::string path, std::span<const std::byte> bytes) : path_(std::move(path)), bytes_(bytes) {}

  std::string path_;
  std::span<const std::byte> bytes_;
};

}  // namespace kvscope
