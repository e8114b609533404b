// Device memory: an arena of its own that host code cannot touch. It is accessible only while a DeviceAccess
// lives, so a host that dereferences a device pointer ends with a report. Between allocations and in freed
// ones it never is. An address is not used twice in a process.
#pragma once

#include <cstddef>
#include <string>

namespace kvscope::simt {

// 256-byte aligned, full of 0xff (NaN as a float). Null when the device has no room (Options::device_bytes).
// REQUIRES: bytes > 0.
void* AllocateDevice(size_t bytes);

// False when no allocation begins here.
[[nodiscard]] bool FreeDevice(void* begin);

// Whether `address` is in the arena, allocated or not.
bool IsDevice(const void* address);

// Whether [begin, begin + bytes) lies in one allocation.
bool IsAllocated(const void* begin, size_t bytes);

size_t AllocatedDeviceBytes();

// Where in which allocation an address of the arena is, in words.
std::string DescribeDeviceAddress(const void* address);

class DeviceAccess {
 public:
  DeviceAccess();
  ~DeviceAccess();
  DeviceAccess(const DeviceAccess&) = delete;
  DeviceAccess& operator=(const DeviceAccess&) = delete;
};

}  // namespace kvscope::simt
