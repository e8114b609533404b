// Device memory that frees itself, and the account of what it is for.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "runtime/cuda/device_status.h"

namespace kvscope {

enum class DevicePurpose { kWeights, kCache, kScores, kScratch };
inline constexpr std::array<const char*, 4> kDevicePurposeNames = {"weights", "cache", "scores", "scratch"};

// Bytes allocated, exactly. For one thread.
class DeviceLedger {
 public:
  size_t bytes(DevicePurpose purpose) const { return counts_[Index(purpose)].bytes; }
  size_t peak_bytes(DevicePurpose purpose) const { return counts_[Index(purpose)].peak; }
  // By purpose, and of all together ("all"), which is less than their sum where they peak at different times.
  std::map<std::string, size_t> PeakBytes() const;

  // Throws std::bad_alloc.
  void* Allocate(DevicePurpose purpose, size_t bytes);
  void Free(DevicePurpose purpose, void* data, size_t bytes);

 private:
  struct Count {
    size_t bytes = 0;
    size_t peak = 0;

    void Add(size_t more) {
      bytes += more;
      peak = std::max(peak, bytes);
    }
  };
  static size_t Index(DevicePurpose purpose) { return static_cast<size_t>(purpose); }

  std::array<Count, kDevicePurposeNames.size()> counts_;
  Count all_;
};

// An array in device memory that grows and never shrinks.
template <class T>
class DeviceBuffer {
 public:
  DeviceBuffer(DeviceLedger& ledger, DevicePurpose purpose) : ledger_(&ledger), purpose_(purpose) {}
  DeviceBuffer(DeviceBuffer&& other) noexcept
      : ledger_(other.ledger_),
        purpose_(other.purpose_),
        data_(std::exchange(other.data_, nullptr)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  DeviceBuffer& operator=(DeviceBuffer&&) = delete;
  ~DeviceBuffer() { Free(); }

  // Makes room for `size` elements; the content is unspecified. Whether the array has moved. Throws
  // std::bad_alloc. Work that uses what was there must be done: freeing waits for the device.
  bool Resize(size_t size) {
    if (size <= capacity_) return false;
    Free();
    data_ = static_cast<T*>(ledger_->Allocate(purpose_, size * sizeof(T)));
    capacity_ = size;
    return true;
  }

  // The same with room for more, for what grows from step to step.
  bool Grow(size_t size) { return size > capacity_ && Resize(size + size / 2); }

  void Swap(DeviceBuffer& other) {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
  }

  T* data() const { return data_; }

  // Resizes and copies. `values` may be changed as soon as this returns.
  absl::Status Upload(std::span<const T> values, cudaStream_t stream) {
    Resize(values.size());
    if (values.empty()) return absl::OkStatus();
    RETURN_IF_CUDA_ERROR(
        cudaMemcpyAsync(data_, values.data(), values.size_bytes(), cudaMemcpyHostToDevice, stream));
    return absl::OkStatus();
  }

  // The first values.size() elements. Returns when they are there.
  absl::Status Download(std::span<T> values, cudaStream_t stream) const {
    if (!values.empty()) {
      RETURN_IF_CUDA_ERROR(
          cudaMemcpyAsync(values.data(), data_, values.size_bytes(), cudaMemcpyDeviceToHost, stream));
    }
    RETURN_IF_CUDA_ERROR(cudaStreamSynchronize(stream));
    return absl::OkStatus();
  }

 private:
  void Free() {
    if (data_ != nullptr) ledger_->Free(purpose_, std::exchange(data_, nullptr), capacity_ * sizeof(T));
    capacity_ = 0;
  }

  DeviceLedger* ledger_;
  DevicePurpose purpose_;
  T* data_ = nullptr;
  size_t capacity_ = 0;
};

// A stream of its own.
class DeviceStream {
 public:
  DeviceStream() = default;
  DeviceStream(DeviceStream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
  ~DeviceStream();

  absl::Status Create();
  cudaStream_t get() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

}  // namespace kvscope
