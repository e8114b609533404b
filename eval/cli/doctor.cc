#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "datasets/fetch.h"
#include "eval/cli/command.h"
#include "fmt/format.h"
#include "results/base/jsonl.h"
#include "results/base/redact.h"
#include "results/build_info.h"
#include "results/environment.h"
#include "runtime/cpu/kernel_check.h"

namespace kvscope {
namespace {

constexpr double kBytesPerGib = 1024.0 * 1024.0 * 1024.0;

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string TransparentHugePages() {
  std::ifstream in("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string line;
  std::getline(in, line);
  const size_t begin = line.find('['), end = line.find(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "unknown";
  return line.substr(begin + 1, end - begin - 1);
}

// One entry a GPU, as the driver's own tool describes it; empty without a driver.
std::vector<std::string> CudaDevices() {
  FILE* const pipe = ::popen(
      "nvidia-smi --query-gpu=name,memory.total,driver_version,compute_cap --format=csv,noheader 2>/dev/null",
      "r");
  if (pipe == nullptr) return {};
  std::string output;
  std::array<char, 4096> buffer;
  while (const size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), size);
  if (::pclose(pipe) != 0) return {};
  std::vector<std::string> devices;
  for (size_t begin = 0; begin < output.size();) {
    const size_t end = std::min(output.find('\n', begin), output.size());
    if (end > begin) devices.push_back(output.substr(begin, end - begin));
    begin = end + 1;
  }
  return devices;
}

// What of the catalog is in the cache; an error where the cache has no place.
void AddCatalog(nlohmann::json& report) {
  absl::StatusOr<FetchOptions> options = FetchOptionsFromEnvironment();
  report["cache"] = options.ok() ? nlohmann::json(options->cache_folder) : nlohmann::json();
  report["data"] = report["models"] = nlohmann::json::array();
  if (!options.ok()) return;
  const Fetcher fetcher(*std::move(options));
  for (const CatalogEntry& entry : fetcher.catalog().entries())
    report[entry.kind == EntryKind::kModel ? "models" : "data"].push_back(
        {{"name", entry.name}, {"present", entry.embedded || fetcher.IsPresent(entry)}});
}

nlohmann::json Examine() {
  nlohmann::json report;
  report["build"] = ToJson(GetBuildInfo());
  report["machine"] = ToJson(GetMachine());
  report["machine"]["available_memory_bytes"] = AvailableMemoryBytes();
  report["machine"]["cpu_features"] = CpuFeatures();
  report["machine"]["transparent_hugepages"] = TransparentHugePages();
  report["cuda_devices"] = CudaDevices();
  const std::string mirror = Redacted(Environment("KVSCOPE_MIRROR"));
  AddCatalog(report);
  report["mirror"] = mirror.empty() ? nlohmann::json() : nlohmann::json(mirror);
  return report;
}

// "a, b; absent: c"
std::string Presence(const nlohmann::json& entries) {
  std::vector<std::string> present, absent;
  for (const auto& entry : entries)
    (entry["present"].get<bool>() ? present : absent).push_back(entry["name"].get<std::string>());
  if (present.empty()) present.emplace_back("none");
  const std::string rest = absent.empty() ? "" : fmt::format("; absent: {}", fmt::join(absent, ", "));
  return fmt::format("{}{}", fmt::join(present, ", "), rest);
}

void Print(const nlohmann::json& report) {
  const nlohmann::json& machine = report["machine"];
  const auto line = [](std::string_view name, const std::string& value) {
    fmt::print("{:<16}{}\n", name, value);
  };
  line("version", VersionText());
  line("CPU", fmt::format("{}, {} cores", machine["cpu"].get<std::string>(), machine["cores"].get<int>()));
  line("CPU features",
       fmt::format("{}", fmt::join(machine["cpu_features"].get<std::vector<std::string>>(), " ")));
  line("memory",
       fmt::format("{:.1f} GiB, {:.1f} GiB available", machine["memory_bytes"].get<double>() / kBytesPerGib,
                   machine["available_memory_bytes"].get<double>() / kBytesPerGib));
  line("huge pages", machine["transparent_hugepages"].get<std::string>());
  if (report["cuda_devices"].empty()) line("CUDA devices", "none");
  for (const auto& device : report["cuda_devices"]) line("CUDA device", device.get<std::string>());
  line("cache", report["cache"].is_null() ? "none (KVSCOPE_CACHE)" : report["cache"].get<std::string>());
  line("data", Presence(report["data"]));
  line("models", Presence(report["models"]));
  if (report.contains("selftest")) {
    line("dispatched to", report["dispatched"].get<std::string>());
    for (const auto& check : report["selftest"])
      line("selftest",
           fmt::format("{:<20} {}: error {:.1e}, allowed {:.1e}", check["kernel"].get<std::string>(),
                       check["passed"].get<bool>() ? "passed" : "FAILED", check["error"].get<double>(),
                       check["allowed"].get<double>()));
  }
  line("mirror", report["mirror"].is_null() ? "none (KVSCOPE_MIRROR)" : report["mirror"].get<std::string>());
}

// True when every kernel passes.
bool AddSelfTest(nlohmann::json& report) {
  const KernelReport kernels = CheckKernels(GetMachine().cores);
  bool passed = true;
  for (const KernelCheck& check : kernels.checks) {
    report["selftest"].push_back({{"kernel", check.name},
                                  {"error", check.error},
                                  {"allowed", check.allowed},
                                  {"passed", check.Passed()}});
    passed &= check.Passed();
  }
  report["dispatched"] = kernels.target;
  return passed;
}

}  // namespace

Action AddDoctor(CLI::App& command) {
  struct Options {
    bool self_test = false;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  command.add_flag("--selftest", options->self_test, "Hold this machine's kernels against plain loops, too");
  AddJsonFlag(command, &options->json);
  return [options]() -> absl::StatusOr<ExitCode> {
    nlohmann::json report = Examine();
    bool passed = true;
    if (options->self_test) passed = AddSelfTest(report);
    if (options->json)
      fmt::print("{}\n", DumpJson(report, 2));
    else
      Print(report);
    return passed ? ExitCode::kDone : ExitCode::kFails;
  };
}

}  // namespace kvscope
