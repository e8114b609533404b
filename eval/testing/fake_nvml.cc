// Stands for libnvidia-ml.so.1 in tests: one GPU, at 0000:3b:00.0. The environment variable FAKE_NVML makes
// it fail in one way or be held down: no_init, no_power, throttle=BITS.
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

enum Result { kSuccess = 0, kNotSupported = 3, kNotFound = 6, kDriverNotLoaded = 9 };

int g_gpu;  // its address is the handle

std::string_view Behaviour() {
  const char* value = std::getenv("FAKE_NVML");
  return value != nullptr ? value : "";
}

int Answer(const void* device, unsigned value, unsigned* out) {
  if (device != &g_gpu) return kNotFound;
  *out = value;
  return kSuccess;
}

}  // namespace

extern "C" {

int nvmlInit_v2() { return Behaviour() == "no_init" ? kDriverNotLoaded : kSuccess; }
int nvmlShutdown() { return kSuccess; }

const char* nvmlErrorString(int result) {
  return result == kNotSupported ? "Not Supported" : result == kNotFound ? "Not Found" : "Driver Not Loaded";
}

int nvmlSystemGetDriverVersion(char* version, unsigned bytes) {
  std::strncpy(version, "570.1", bytes);
  return kSuccess;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char* bus, void** device) {
  *device = &g_gpu;
  return std::string_view(bus) == "0000:3b:00.0" ? kSuccess : kNotFound;
}

int nvmlDeviceGetClockInfo(void* device, unsigned type, unsigned* mhz) {
  return type == 1 ? Answer(device, 1980, mhz) : type == 2 ? Answer(device, 3201, mhz) : kNotSupported;
}

int nvmlDeviceGetEnforcedPowerLimit(void* device, unsigned* milliwatts) {
  return Behaviour() == "no_power" ? kNotSupported : Answer(device, 700000, milliwatts);
}

int nvmlDeviceGetPowerUsage(void* device, unsigned* milliwatts) {
  return Behaviour() == "no_power" ? kNotSupported : Answer(device, 412500, milliwatts);
}

int nvmlDeviceGetTemperature(void* device, unsigned, unsigned* celsius) {
  return Answer(device, 61, celsius);
}

int nvmlDeviceGetCurrentClocksThrottleReasons(void* device, unsigned long long* reasons) {
  constexpr std::string_view kPrefix = "throttle=";
  const std::string_view behaviour = Behaviour();
  *reasons = behaviour.starts_with(kPrefix)
                 ? std::strtoull(behaviour.substr(kPrefix.size()).data(), nullptr, 16)
                 : 0;
  return device == &g_gpu ? kSuccess : kNotFound;
}

}  // extern "C"
