#include "eval/testing/run_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "results/base/file.h"

extern char** environ;

namespace kvscope {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = std::filesystem::temp_directory_path() / "kvscope_test_XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder: " + pattern);
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

ProgramResult RunKvscope(const std::vector<std::string>& arguments) {
  return RunKvscopeWatched(arguments, [](pid_t) {});
}

ProgramResult RunKvscopeUntil(const std::vector<std::string>& arguments, const std::function<bool()>& stop) {
  bool stopped = false;
  return RunKvscopeWatched(arguments, [&](pid_t pid) {
    if (!stopped && stop()) {
      ::kill(pid, SIGTERM);
      stopped = true;
    }
  });
}

ProgramResult RunKvscopeWatched(const std::vector<std::string>& arguments,
                                const std::function<void(pid_t pid)>& watch) {
  const char* binary = std::getenv("KVSCOPE_BINARY");
  if (binary == nullptr) throw std::runtime_error("KVSCOPE_BINARY is not set; run this test with ctest");
  const TemporaryFolder folder;
  const std::string out_path = folder / "out", err_path = folder / "err";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out_path.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, err_path.c_str(), O_WRONLY | O_CREAT, 0600);
  std::vector<std::string> owned = arguments;
  std::string name = "kvscope";
  std::vector<char*> argv = {name.data()};
  for (std::string& argument : owned) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  const int error = ::posix_spawn(&child, binary, &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error(std::string("cannot start ") + binary);
  int wait_status = 0;
  constexpr std::chrono::milliseconds kPoll(2);
  while (::waitpid(child, &wait_status, WNOHANG) == 0) {
    watch(child);
    std::this_thread::sleep_for(kPoll);
  }
  ProgramResult result;
  result.exit_code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
  result.out = ReadFile(out_path).value_or("");
  result.err = ReadFile(err_path).value_or("");
  return result;
}

}  // namespace kvscope
