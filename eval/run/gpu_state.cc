#include "eval/run/gpu_state.h"

#include <dlfcn.h>

#include <cstring>
#include <memory>

#include "absl/status/statusor.h"
#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// NVML's interface, as its reference documents it: the toolkit need not have its header.
using Device = void*;
constexpr int kSuccess = 0;
constexpr unsigned kSmClock = 1, kMemoryClock = 2;  // nvmlClockType_t
constexpr unsigned kGpuSensor = 0;                  // nvmlTemperatureSensors_t
constexpr unsigned kDriverVersionBytes = 80;        // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE

struct ThrottleReason {
  unsigned long long bit;
  const char* name;
};
constexpr ThrottleReason kThrottleReasons[] = {
    {0x1, "idle"},
    {0x2, "application_clocks"},
    {0x4, "power_cap"},
    {0x8, "hardware_slowdown"},
    {0x10, "sync_boost"},
    {0x20, "thermal"},
    {0x40, "hardware_thermal"},
    {0x80, "hardware_power_brake"},
    {0x100, "display_clock"},
};

class Nvml {
 public:
  static absl::StatusOr<std::unique_ptr<Nvml>> Load(const std::string& library) {
    void* const handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return absl::NotFoundError(fmt::format("{} could not be loaded", library));
    std::unique_ptr<Nvml> nvml(new Nvml(handle));
    RETURN_IF_ERROR(nvml->Call<int()>("nvmlInit_v2"));
    nvml->initialized_ = true;
    return nvml;
  }
  ~Nvml() {
    if (initialized_) Call<int()>("nvmlShutdown").IgnoreError();
    ::dlclose(handle_);
  }

  // NotFound: the library has no such function. Internal: what the function returned, in NVML's words.
  template <class Signature, class... Arguments>
  absl::Status Call(const char* name, Arguments... arguments) const {
    void* const function = ::dlsym(handle_, name);
    if (function == nullptr) return absl::NotFoundError(fmt::format("the library has no {}", name));
    const int result = reinterpret_cast<Signature*>(function)(arguments...);
    return result == kSuccess ? absl::OkStatus()
                              : absl::InternalError(fmt::format("{}: {}", name, Text(result)));
  }

 private:
  explicit Nvml(void* handle) : handle_(handle) {}

  std::string Text(int result) const {
    void* const function = ::dlsym(handle_, "nvmlErrorString");
    const char* text =
        function != nullptr ? reinterpret_cast<const char* (*)(int)>(function)(result) : nullptr;
    return text != nullptr ? text : fmt::format("error {}", result);
  }

  void* handle_;
  bool initialized_ = false;
};

nlohmann::json Names(unsigned long long reasons) {
  nlohmann::json names = nlohmann::json::array();
  for (const auto& [bit, name] : kThrottleReasons) {
    if ((reasons & bit) != 0) names.push_back(name);
    reasons &= ~bit;
  }
  if (reasons != 0) names.push_back(fmt::format("{:#x}", reasons));
  return names;
}

nlohmann::json NothingKnown() {
  nlohmann::json state;
  for (const char* field : {"driver", "sm_clock_mhz", "memory_clock_mhz", "power_limit_w", "power_w",
                            "temperature_c", "throttle_reasons"})
    state[field] = nullptr;
  return state;
}

// Fills in what the library says, field by field.
class Reader {
 public:
  Reader(const Nvml& nvml, nlohmann::json& state) : nvml_(nvml), state_(state) {}

  void Read(const std::string& pci_bus_id) {
    char driver[kDriverVersionBytes] = {};
    if (Known("driver",
              nvml_.Call<int(char*, unsigned)>("nvmlSystemGetDriverVersion", driver, kDriverVersionBytes)))
      state_["driver"] = std::string(driver, ::strnlen(driver, sizeof(driver)));
    const absl::Status found = nvml_.Call<int(const char*, Device*)>("nvmlDeviceGetHandleByPciBusId_v2",
                                                                     pci_bus_id.c_str(), &device_);
    if (!Known("all", found)) return;
    ReadNumber("sm_clock_mhz", 1, [this](unsigned* value) {
      return nvml_.Call<int(Device, unsigned, unsigned*)>("nvmlDeviceGetClockInfo", device_, kSmClock, value);
    });
    ReadNumber("memory_clock_mhz", 1, [this](unsigned* value) {
      return nvml_.Call<int(Device, unsigned, unsigned*)>("nvmlDeviceGetClockInfo", device_, kMemoryClock,
                                                          value);
    });
    ReadNumber("power_limit_w", 1000, [this](unsigned* value) {
      return nvml_.Call<int(Device, unsigned*)>("nvmlDeviceGetEnforcedPowerLimit", device_, value);
    });
    ReadNumber("power_w", 1000, [this](unsigned* value) {
      return nvml_.Call<int(Device, unsigned*)>("nvmlDeviceGetPowerUsage", device_, value);
    });
    ReadNumber("temperature_c", 1, [this](unsigned* value) {
      return nvml_.Call<int(Device, unsigned, unsigned*)>("nvmlDeviceGetTemperature", device_, kGpuSensor,
                                                          value);
    });
    unsigned long long reasons = 0;
    if (Known("throttle_reasons", nvml_.Call<int(Device, unsigned long long*)>(
                                      "nvmlDeviceGetCurrentClocksThrottleReasons", device_, &reasons)))
      state_["throttle_reasons"] = Names(reasons);
  }

 private:
  bool Known(const char* field, const absl::Status& status) {
    if (!status.ok()) state_["missing"][field] = std::string(status.message());
    return status.ok();
  }
  // `unit`: of the library's numbers, in the field's.
  template <class Get>
  void ReadNumber(const char* field, unsigned unit, const Get& get) {
    unsigned value = 0;
    if (!Known(field, get(&value))) return;
    if (unit == 1) {
      state_[field] = value;
    } else {
      state_[field] = static_cast<double>(value) / unit;
    }
  }

  const Nvml& nvml_;
  nlohmann::json& state_;
  Device device_ = nullptr;
};

}  // namespace

nlohmann::json UnknownGpuState(const std::string& reason) {
  nlohmann::json state = NothingKnown();
  state["missing"]["all"] = reason;
  return state;
}

nlohmann::json ReadGpuState(const std::string& pci_bus_id, const std::string& library) {
  const absl::StatusOr<std::unique_ptr<Nvml>> nvml = Nvml::Load(library);
  if (!nvml.ok()) return UnknownGpuState(std::string(nvml.status().message()));
  nlohmann::json state = NothingKnown();
  Reader(**nvml, state).Read(pci_bus_id);
  return state;
}

}  // namespace kvscope
