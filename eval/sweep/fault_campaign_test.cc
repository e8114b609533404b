// Faults drawn by a seed over a sweep of the embedded model, each followed by a resumption: what was finished
// is kept, and the result is that of a sweep nothing befell, byte for byte. KVSCOPE_FAULTS is how many
// (default 12).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "eval/testing/run_program.h"
#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"
#include "results/base/seal.h"
#include "results/run_store.h"

namespace kvscope {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kFaultsInEveryRun = 12;
constexpr uint64_t kSeed = 20261124;
constexpr int kSamples = 4;  // a cell

const char* const kPlan = R"({
  "model": "arith-tiny", "task": "arith+", "questions": 8, "limit": 4, "threads": 1, "prefill-budget": 48,
  "method": ["full", "full+slide", "streamingllm+slm", "snapkv+h2o"],
  "window": 24, "recent": 12
})";

enum class FaultKind {
  kKillParent,
  kKillWorker,
  kInterrupt,  // SIGINT
  kTerminate,  // SIGTERM
  kCall,       // fault_shim.cc: a full disk, an error, a kill, a torn line or a standstill at the n-th call
  kTornLine,   // the parent is killed, and of a line of samples.jsonl only the beginning is there
  kFullDisk,   // a file system that is too small
  kReadOnlyDisk,   // a killed sweep's folder, mounted read-only for the next attempt
  kFileSizeLimit,  // RLIMIT_FSIZE
  kOutOfMemory,    // RLIMIT_AS of the worker
  kHang,           // the worker is stopped; the watchdog ends it
  kClockBack,      // the wall clock goes backwards
};
constexpr std::array kKinds = {std::pair(FaultKind::kKillParent, "kill -9 of the sweep"),
                               std::pair(FaultKind::kKillWorker, "kill -9 of a worker"),
                               std::pair(FaultKind::kInterrupt, "SIGINT"),
                               std::pair(FaultKind::kTerminate, "SIGTERM"),
                               std::pair(FaultKind::kCall, "a system call that fails, kills, tears or stops"),
                               std::pair(FaultKind::kTornLine, "torn last line"),
                               std::pair(FaultKind::kFullDisk, "full disk"),
                               std::pair(FaultKind::kReadOnlyDisk, "read-only folder"),
                               std::pair(FaultKind::kFileSizeLimit, "limit on the size of files"),
                               std::pair(FaultKind::kOutOfMemory, "out of memory"),
                               std::pair(FaultKind::kHang, "hanging worker"),
                               std::pair(FaultKind::kClockBack, "clock going backwards")};

pid_t FirstChild(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/task/{}/children", pid, pid));
  pid_t child = 0;
  return in >> child ? child : 0;
}

// Of a process's address space.
uint64_t VirtualBytes(pid_t pid) {
  uint64_t pages = 0;
  std::ifstream(fmt::format("/proc/{}/statm", pid)) >> pages;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

// By a signal, such as a fault that stops the sweep itself, whom no watchdog watches.
bool IsStopped(pid_t pid) {
  std::string number, name, state;
  std::ifstream(fmt::format("/proc/{}/stat", pid)) >> number >> name >> state;
  return state == "T";
}

// A small file system at `folder` while it lives.
class SmallDisk {
 public:
  explicit SmallDisk(std::string folder) : folder_(std::move(folder)) {
    std::filesystem::create_directories(folder_);
  }
  ~SmallDisk() {
    if (mounted_) ::umount2(folder_.c_str(), MNT_DETACH);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // False where this process may not mount.
  bool Mount(uint64_t kib) {
    mounted_ = ::mount("tmpfs", folder_.c_str(), "tmpfs", 0, Size(kib).c_str()) == 0;
    return mounted_;
  }
  void Change(uint64_t kib, bool read_only = false) const {
    const unsigned long flags = MS_REMOUNT | (read_only ? MS_RDONLY : 0);
    constexpr int kTries = 500;
    constexpr auto kPause = std::chrono::milliseconds(10);
    for (int i = 0; i < kTries; ++i) {
      if (::mount("tmpfs", folder_.c_str(), "tmpfs", flags, Size(kib).c_str()) == 0) return;
      std::this_thread::sleep_for(kPause);  // a killed sweep's worker still has a file open
    }
    FAIL() << folder_ << ": cannot be mounted anew: " << std::strerror(errno);
  }

 private:
  static std::string Size(uint64_t kib) { return fmt::format("size={}k", kib); }

  const std::string folder_;
  bool mounted_ = false;
};

// Sets a variable of the environment for the programs started while it lives.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

class FaultCampaign : public testing::Test {
 protected:
  void SetUp() override {
    ::setenv("KVSCOPE_CACHE", (folder_ / "cache").c_str(), 1);
    std::ofstream(folder_ / "plan.json") << kPlan;
    const auto start = std::chrono::steady_clock::now();
    ASSERT_EQ(Sweep(folder_ / "whole").exit_code, 0);
    sweep_ms_ =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start)
            .count();
    whole_ = Results(folder_ / "whole");
    ASSERT_FALSE(whole_.empty());
  }

  std::vector<std::string> Arguments(const std::string& out,
                                     const std::vector<std::string>& flags = {}) const {
    std::vector<std::string> arguments = {"sweep", folder_ / "plan.json", "--out", out, "--quiet", "--batch",
                                          "6"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    return arguments;
  }
  ProgramResult Sweep(const std::string& out) const { return RunKvscope(Arguments(out)); }

  // The content of the files that do not say when and where they were made, by path.
  static std::map<std::string, std::string> Results(const std::string& out) {
    std::map<std::string, std::string> contents;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(out)) {
      const std::string name = entry.path().filename();
      if (name == kSamplesFile || name == kScoresFile || name == kPromptsFile)
        contents[std::filesystem::relative(entry.path(), out)] = *ReadFile(entry.path());
    }
    return contents;
  }

  // Samples that were generated to their end, by cell's folder.
  static std::map<std::string, size_t> Finished(const std::string& out) {
    std::map<std::string, size_t> finished;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(out, none)) {
      std::vector<std::string> problems;
      const auto samples = ReadSamples(RunPath(entry.path().string(), kSamplesFile), problems);
      if (!samples.ok()) continue;
      const auto errors =
          std::ranges::count(*samples, std::optional(FinishReason::kError), &SampleRecord::finish);
      finished[entry.path()] = samples->size() - static_cast<size_t>(errors);
    }
    return finished;
  }

  int Draw(int low, int high) { return std::uniform_int_distribution(low, high)(random_); }

  // One attempt at the sweep in `out` with a fault. Whether the fault came to pass.
  bool Inject(FaultKind kind, const std::string& out);
  // With `act` done once, at a random time, to the sweep's process and its worker (0: there is none).
  bool InjectAtRandomTime(const std::string& out, const std::function<bool(pid_t sweep, pid_t worker)>& act,
                          const std::vector<std::string>& flags = {});
  bool InjectCall(const std::string& out, const std::string& fault,
                  const std::vector<std::string>& flags = {});
  bool InjectTornLine(const std::string& out);
  bool InjectSmallDisk(const std::string& out, bool read_only);
  bool InjectFileSizeLimit(const std::string& out);
  void ExpectResumed(const std::string& out);

  TemporaryFolder folder_;
  std::mt19937_64 random_{kSeed};
  int64_t sweep_ms_ = 0;
  std::map<std::string, std::string> whole_;
};

bool FaultCampaign::InjectAtRandomTime(const std::string& out,
                                       const std::function<bool(pid_t sweep, pid_t worker)>& act,
                                       const std::vector<std::string>& flags) {
  const auto moment =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(Draw(0, static_cast<int>(sweep_ms_)));
  bool done = false;
  RunKvscopeWatched(Arguments(out, flags), [&](pid_t pid) {
    if (!done && std::chrono::steady_clock::now() >= moment) done = act(pid, FirstChild(pid));
  });
  return done;
}

bool FaultCampaign::InjectCall(const std::string& out, const std::string& fault,
                               const std::vector<std::string>& flags) {
  const char* const shim = std::getenv("KVSCOPE_FAULT_SHIM");
  if (shim == nullptr) return false;
  const std::string log = folder_ / "faults.log";
  std::filesystem::remove(log);
  const Variable preload("LD_PRELOAD", shim), what("KVSCOPE_FAULT", fault), where("KVSCOPE_FAULT_LOG", log);
  RunKvscopeWatched(Arguments(out, flags), [](pid_t sweep) {
    if (IsStopped(sweep)) ::kill(sweep, SIGKILL);
  });
  return std::filesystem::exists(log);
}

bool FaultCampaign::InjectTornLine(const std::string& out) {
  if (!InjectAtRandomTime(out, [](pid_t sweep, pid_t) { return ::kill(sweep, SIGKILL) == 0; })) return false;
  for (const auto& [run, samples] : Finished(out)) {
    if (samples == 0 || samples == kSamples) continue;
    const std::string path = RunPath(run, kSamplesFile), content = *ReadFile(path);
    const std::string line = content.substr(0, content.find('\n'));
    std::ofstream(path, std::ios::app)
        << line.substr(0, static_cast<size_t>(Draw(1, static_cast<int>(line.size()))));
    return true;
  }
  return false;
}

bool FaultCampaign::InjectFileSizeLimit(const std::string& out) {
  const auto limit = static_cast<rlim_t>(Draw(1, 4000));
  const auto old = std::signal(SIGXFSZ, SIG_IGN);  // the program inherits it
  const absl::Cleanup restore = [old] { std::signal(SIGXFSZ, old); };
  bool set = false;
  const ProgramResult result = RunKvscopeWatched(Arguments(out), [&](pid_t pid) {
    const rlimit bytes = {.rlim_cur = limit, .rlim_max = RLIM_INFINITY};
    if (const pid_t worker = FirstChild(pid); worker != 0)
      set = ::prlimit(worker, RLIMIT_FSIZE, &bytes, nullptr) == 0 || set;
  });
  return set && result.exit_code != 0;
}

bool FaultCampaign::InjectSmallDisk(const std::string& out, bool read_only) {
  constexpr uint64_t kEnoughKib = 16 << 10;
  SmallDisk disk(out);
  if (!disk.Mount(read_only ? kEnoughKib : static_cast<uint64_t>(Draw(4, 160)))) return false;
  bool injected = false;
  if (read_only) {
    InjectAtRandomTime(out, [](pid_t sweep, pid_t) { return ::kill(sweep, SIGKILL) == 0; });
    disk.Change(kEnoughKib, true);
    const ProgramResult result = Sweep(out);
    injected = result.exit_code != 0;
    EXPECT_EQ(result.exit_code, 5) << result.out << result.err;
    EXPECT_THAT(result.err, HasSubstr("Read-only file system"));
  } else {
    const ProgramResult result = Sweep(out);
    injected = result.exit_code != 0;
    EXPECT_TRUE(!injected || (result.out + result.err).find("No space left on device") != std::string::npos ||
                (result.out + result.err).find("is the disk full?") != std::string::npos)
        << result.out << result.err;
  }
  disk.Change(kEnoughKib);
  if (injected) ExpectResumed(out);
  return injected;
}

bool FaultCampaign::Inject(FaultKind kind, const std::string& out) {
  const auto signal_sweep = [&](int signal) {
    return InjectAtRandomTime(out, [signal](pid_t sweep, pid_t) { return ::kill(sweep, signal) == 0; });
  };
  switch (kind) {
    case FaultKind::kKillParent:
      return signal_sweep(SIGKILL);
    case FaultKind::kInterrupt:
      return signal_sweep(SIGINT);
    case FaultKind::kTerminate:
      return signal_sweep(SIGTERM);
    case FaultKind::kKillWorker:
      return InjectAtRandomTime(
          out, [](pid_t, pid_t worker) { return worker != 0 && ::kill(worker, SIGKILL) == 0; });
    case FaultKind::kHang:
      return InjectAtRandomTime(
          out, [](pid_t, pid_t worker) { return worker != 0 && ::kill(worker, SIGSTOP) == 0; },
          {"--watchdog", "1"});
    case FaultKind::kOutOfMemory:
      return InjectAtRandomTime(out, [this](pid_t, pid_t worker) {
        const rlimit limit = {.rlim_cur = VirtualBytes(worker) + (static_cast<rlim_t>(Draw(0, 16)) << 10),
                              .rlim_max = RLIM_INFINITY};
        return worker != 0 && ::prlimit(worker, RLIMIT_AS, &limit, nullptr) == 0;
      });
    case FaultKind::kCall: {
      constexpr std::array kCalls = {"write", "fsync", "rename"};
      constexpr std::array kEffects = {"full", "io", "kill", "torn", "stop"};
      const std::string call = kCalls[static_cast<size_t>(Draw(0, 2))];
      const std::string effect = kEffects[static_cast<size_t>(Draw(0, 4))];
      return InjectCall(out, fmt::format("{}:{}:{}", call, Draw(2, 40), effect), {"--watchdog", "1"});
    }
    case FaultKind::kClockBack:
      return InjectCall(out, fmt::format("clock:{}:back", Draw(1, 100000)));
    case FaultKind::kTornLine:
      return InjectTornLine(out);
    case FaultKind::kFileSizeLimit:
      return InjectFileSizeLimit(out);
    case FaultKind::kFullDisk:
    case FaultKind::kReadOnlyDisk:
      return InjectSmallDisk(out, kind == FaultKind::kReadOnlyDisk);
  }
  return false;
}

void FaultCampaign::ExpectResumed(const std::string& out) {
  const std::map<std::string, size_t> before = Finished(out);
  std::map<std::string, std::string> complete;
  for (const auto& [run, samples] : before)
    if (const auto record = ReadRunFolder(run); record.ok() && record->run.status == RunStatus::kComplete)
      complete[run] = *ReadFile(RunPath(run, kRunFile));
  const ProgramResult resumed = Sweep(out);
  ASSERT_EQ(resumed.exit_code, 0) << resumed.out << resumed.err;
  for (const auto& [run, file] : complete) EXPECT_EQ(*ReadFile(RunPath(run, kRunFile)), file) << "run again";
  for (const auto& [run, samples] : before) {
    if (complete.contains(run)) continue;
    const auto timing = ReadSealedFile(RunPath(run, kTimingFile));
    ASSERT_TRUE(timing.ok()) << timing.status();
    EXPECT_EQ(timing->at("samples"), kSamples - samples) << run << ": what was finished was generated again";
  }
  EXPECT_EQ(Results(out), whole_);
  for (const auto& [run, samples] : Finished(out)) EXPECT_THAT(ReadRunFolder(run)->problems, IsEmpty());
}

TEST_F(FaultCampaign, EveryFaultIsResumedFromAndChangesNothing) {
  const char* const asked = std::getenv("KVSCOPE_FAULTS");
  const int faults = asked == nullptr ? kFaultsInEveryRun : std::atoi(asked);
  std::map<std::string, int> counts;
  int injected = 0;
  for (int attempt = 0; injected < faults && attempt < 20 * faults && !HasFailure(); ++attempt) {
    const auto& [kind, name] = kKinds[static_cast<size_t>(attempt) % kKinds.size()];
    SCOPED_TRACE(fmt::format("attempt {}: {}", attempt, name));
    const std::string out = folder_ / "faulted";
    if (Inject(kind, out)) {
      ++injected;
      ++counts[name];
      ExpectResumed(out);
    }
    std::filesystem::remove_all(out);
  }
  EXPECT_EQ(injected, faults);
  for (const auto& [name, count] : counts) fmt::print("{:>4}  {}\n", count, name);
}

}  // namespace
}  // namespace kvscope
