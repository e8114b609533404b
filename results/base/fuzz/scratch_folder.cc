#include "results/base/fuzz/scratch_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "fmt/format.h"

namespace kvscope {
namespace {

void Check(bool ok, const char* what) {
  if (ok) return;
  std::perror(what);
  std::abort();
}

}  // namespace

ScratchFolder::ScratchFolder() {
  std::error_code ignored;
  const std::filesystem::path memory = "/dev/shm";
  const auto parent =
      std::filesystem::is_directory(memory, ignored) ? memory : std::filesystem::temp_directory_path();
  path_ = (parent / "kvscope_fuzz_XXXXXX").string();
  Check(::mkdtemp(path_.data()) != nullptr, "mkdtemp");
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchFolder::Write(std::string_view name, std::string_view content) const {
  std::string path = fmt::format("{}/{}", path_, name);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  Check(fd >= 0, "open");
  Check(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()), "write");
  Check(::close(fd) == 0, "close");
  return path;
}

}  // namespace kvscope
