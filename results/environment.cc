#include "results/environment.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include "fmt/format.h"
#include "results/base/redact.h"

namespace kvscope {
namespace {

constexpr uint64_t kBytesPerKib = 1024;
constexpr std::string_view kInterestingFeatures[] = {
    "avx",         "avx2",     "fma",         "f16c",     "avx512f",  "avx512bw",
    "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd",
    "asimdhp",     "asimddp",  "bf16",        "i8mm",     "sve",      "sve2"};

// Value of the first line "key : value" of a file of /proc; empty where there is none.
std::string ProcValue(const char* path, std::string_view key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string_view name(line.data(), colon);
    while (!name.empty() && (name.back() == ' ' || name.back() == '\t')) name.remove_suffix(1);
    if (name != key) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return "";
}

uint64_t MeminfoBytes(std::string_view key) {
  uint64_t kib = 0;
  std::istringstream(ProcValue("/proc/meminfo", key)) >> kib;
  return kib * kBytesPerKib;
}

int AllowedCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 0;
  return CPU_COUNT(&set);
}

}  // namespace

Machine GetMachine() {
  Machine machine;
  machine.cpu = ProcValue("/proc/cpuinfo", "model name");
  machine.cores = AllowedCores();
  machine.memory_bytes = MeminfoBytes("MemTotal");
  utsname name;
  if (::uname(&name) == 0) machine.kernel = fmt::format("{} {}", name.sysname, name.release);
  return machine;
}

nlohmann::json ToJson(const Machine& machine) {
  return {{"cpu", machine.cpu},
          {"cores", machine.cores},
          {"memory_bytes", machine.memory_bytes},
          {"kernel", machine.kernel}};
}

std::vector<std::string> CommandLine() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> arguments;
  for (std::string argument; std::getline(in, argument, '\0');) arguments.push_back(Redacted(argument));
  return arguments;
}

uint64_t AvailableMemoryBytes() { return MeminfoBytes("MemAvailable"); }

uint64_t PeakResidentBytes() {
  rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<uint64_t>(usage.ru_maxrss) * kBytesPerKib;
}

std::vector<std::string> CpuFeatures() {
  std::string flags = ProcValue("/proc/cpuinfo", "flags");
  if (flags.empty()) flags = ProcValue("/proc/cpuinfo", "Features");
  std::istringstream words(flags);
  std::set<std::string> present;
  for (std::string word; words >> word;) present.insert(word);
  std::vector<std::string> features;
  for (const std::string_view feature : kInterestingFeatures)
    if (present.contains(std::string(feature))) features.emplace_back(feature);
  return features;
}

}  // namespace kvscope
