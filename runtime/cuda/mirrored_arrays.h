// Arrays that lie in one piece of device memory and in a twin of it in the host's, so that one copy carries
// them all.
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <type_traits>

#include "runtime/cuda/device_memory.h"

namespace kvscope {

// An array's place.
template <class T>
struct MirroredArray {
  size_t offset = 0;
  size_t size = 0;
};

class MirroredArrays {
 public:
  MirroredArrays(DeviceLedger& ledger, DevicePurpose purpose) : device_(ledger, purpose) {}
  MirroredArrays(const MirroredArrays&) = delete;
  MirroredArrays& operator=(const MirroredArrays&) = delete;
  ~MirroredArrays() { FreeHost(); }

  // Forgets all arrays; the memory stays.
  void Clear() { bytes_ = 0; }

  template <class T>
  MirroredArray<T> Add(size_t size) {
    static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
    const MirroredArray<T> array{bytes_, size};
    bytes_ += (size * sizeof(T) + kAlignment - 1) / kAlignment * kAlignment;
    return array;
  }

  // Makes room for the arrays that were added, and some more, on both sides; their content is unspecified.
  // Throws std::bad_alloc. Work that uses what was there must be done.
  void Allocate();

  template <class T>
  std::span<T> Host(const MirroredArray<T>& array) const {
    return {reinterpret_cast<T*>(host_ + array.offset), array.size};
  }
  template <class T>
  T* Device(const MirroredArray<T>& array) const {
    return reinterpret_cast<T*>(device_.data() + array.offset);
  }

  // Fills the array's beginning on the host's side, and the rest with zeros. REQUIRES: `values` fit.
  template <class T>
  void Set(const MirroredArray<T>& array, std::span<const std::type_identity_t<T>> values) {
    std::byte* const to = host_ + array.offset;
    if (!values.empty()) std::memcpy(to, values.data(), values.size_bytes());
    std::memset(to + values.size_bytes(), 0, array.size * sizeof(T) - values.size_bytes());
  }

  // From one side to the other. Neither waits: until the device has come so far the host's side must be left
  // alone.
  absl::Status Upload(cudaStream_t stream);
  absl::Status Download(cudaStream_t stream);

 private:
  static constexpr size_t kAlignment = 16;

  void FreeHost();

  DeviceBuffer<std::byte> device_;
  std::byte* host_ = nullptr;  // page-locked, so that copies need no help of the host
  size_t host_bytes_ = 0;
  size_t bytes_ = 0;
};

}  // namespace kvscope
