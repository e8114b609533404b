#include "kernels/simt/options.h"

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "kernels/simt/report.h"

namespace kvscope::simt {
namespace {

constexpr uint64_t kMaxDeviceBytes = uint64_t{32} << 30;
constexpr uint64_t kMaxDevices = 64;

// The value of an environment variable; empty when it is not set.
std::string_view Environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : std::string_view();
}

uint64_t NumberFromEnvironment(const char* name, uint64_t fallback, uint64_t highest) {
  const std::string_view text = Environment(name);
  if (text.empty()) return fallback;
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > highest) {
    Fatal("{}: expected a number up to {}, found '{}'", name, highest, text);
  }
  return value;
}

Order OrderFromEnvironment(Order fallback) {
  const std::string_view text = Environment("KVSCOPE_SIMT_ORDER");
  if (text.empty()) return fallback;
  if (text == "forward") return Order::kForward;
  if (text == "reverse") return Order::kReverse;
  if (text == "random") return Order::kRandom;
  Fatal("KVSCOPE_SIMT_ORDER: expected forward, reverse or random, found '{}'", text);
}

Options FromEnvironment() {
  Options options;
  options.order = OrderFromEnvironment(options.order);
  options.seed = NumberFromEnvironment("KVSCOPE_SIMT_SEED", options.seed, UINT64_MAX);
  options.deferred_streams =
      NumberFromEnvironment("KVSCOPE_SIMT_DEFERRED_STREAMS", options.deferred_streams, 1) != 0;
  options.protect_memory =
      NumberFromEnvironment("KVSCOPE_SIMT_PROTECT_MEMORY", options.protect_memory, 1) != 0;
  options.device_bytes =
      NumberFromEnvironment("KVSCOPE_SIMT_DEVICE_BYTES", options.device_bytes, kMaxDeviceBytes);
  options.devices = static_cast<int>(NumberFromEnvironment("KVSCOPE_SIMT_DEVICES", 1, kMaxDevices));
  return options;
}

}  // namespace

Options& CurrentOptions() {
  static Options options = FromEnvironment();
  return options;
}

}  // namespace kvscope::simt
