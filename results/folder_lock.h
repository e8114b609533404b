// One writer a folder.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace kvscope {

// An exclusive lock, held until the object goes or the process ends, however it ends.
class FolderLock {
 public:
  // AlreadyExists when another process holds the lock; Unavailable when the folder cannot be opened.
  static absl::StatusOr<std::unique_ptr<FolderLock>> Take(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  const int fd_;
};

}  // namespace kvscope
