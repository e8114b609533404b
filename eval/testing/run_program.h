// Runs the built kvscope binary and captures what it says: tests of the command line's contract.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace kvscope {

struct ProgramResult {
  int exit_code = -1;  // 128 + signal where a signal ended it
  std::string out;
  std::string err;
};

// `arguments` without the program's name. The binary is the environment variable KVSCOPE_BINARY.
ProgramResult RunKvscope(const std::vector<std::string>& arguments);

// The same, with SIGTERM sent once `stop` says so; it is asked again and again while the program runs.
ProgramResult RunKvscopeUntil(const std::vector<std::string>& arguments, const std::function<bool()>& stop);

// The same, with `watch` called every few milliseconds while the program, process `pid`, runs.
ProgramResult RunKvscopeWatched(const std::vector<std::string>& arguments,
                                const std::function<void(pid_t pid)>& watch);

// A new empty folder under the test's temporary folder, removed when the object goes.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace kvscope
