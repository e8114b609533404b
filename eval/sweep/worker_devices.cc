#include "eval/sweep/worker_devices.h"

#include <algorithm>
#include <charconv>

#include "fmt/format.h"

namespace kvscope {
namespace {

std::vector<std::string> Split(std::string_view list) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    parts.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

absl::StatusOr<std::vector<std::string>> WorkerDevices(std::string_view list, std::string_view visible) {
  const std::vector<std::string> names = visible.empty() ? std::vector<std::string>() : Split(visible);
  std::vector<std::string> devices;
  for (const std::string& part : Split(list)) {
    unsigned ordinal = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), ordinal);
    if (part.empty() || error != std::errc() || end != part.data() + part.size())
      return absl::InvalidArgumentError(
          fmt::format("--devices: expected ordinals such as 0,1, found '{}'", list));
    if (!names.empty() && ordinal >= names.size())
      return absl::InvalidArgumentError(
          fmt::format("--devices: expected 0 to {} (CUDA_VISIBLE_DEVICES is '{}'), found {}",
                      names.size() - 1, visible, ordinal));
    devices.push_back(names.empty() ? fmt::format("{}", ordinal) : names[ordinal]);
    if (std::ranges::count(devices, devices.back()) > 1)
      return absl::InvalidArgumentError(fmt::format("--devices: {} is named twice", ordinal));
  }
  return devices;
}

}  // namespace kvscope
