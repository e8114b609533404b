// What tests of device code share. Emulated or on a GPU, a test is the same source.
#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

#if defined(KVSCOPE_DEVICE_EMULATED)
#include "kernels/simt/options.h"
#endif

namespace kvscope {

#define EXPECT_CUDA_OK(call) EXPECT_EQ(std::string(cudaGetErrorName(call)), "cudaSuccess")

// Skips its tests on machines without a device.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device";
  }
};

// An array in device memory.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(size_t size) : size_(size) {
    EXPECT_CUDA_OK(cudaMalloc(reinterpret_cast<void**>(&data_), size * sizeof(T)));
  }
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    EXPECT_CUDA_OK(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice));
  }
  ~DeviceArray() { EXPECT_CUDA_OK(cudaFree(data_)); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return data_; }

  std::vector<T> ToHost() const {
    std::vector<T> values(size_);
    EXPECT_CUDA_OK(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost));
    return values;
  }

 private:
  T* data_ = nullptr;
  size_t size_;
};

// Calls test() once for each order of threads and blocks that is worth trying; once on a GPU, which has its
// own.
template <class Test>
void ForEachOrder(Test test) {
#if defined(KVSCOPE_DEVICE_EMULATED)
  struct NamedOrder {
    const char* name;
    simt::Order order;
    uint64_t seed;
  };
  const simt::Options before = simt::CurrentOptions();
  for (const auto& [name, order, seed] :
       {NamedOrder{"forward", simt::Order::kForward, 0}, NamedOrder{"reverse", simt::Order::kReverse, 0},
        NamedOrder{"random 1", simt::Order::kRandom, 1}, NamedOrder{"random 2", simt::Order::kRandom, 2},
        NamedOrder{"random 3", simt::Order::kRandom, 3}}) {
    const testing::ScopedTrace trace(__FILE__, __LINE__, std::string("order ") + name);
    simt::CurrentOptions().order = order;
    simt::CurrentOptions().seed = seed;
    test();
  }
  simt::CurrentOptions() = before;
#else
  test();
#endif
}

}  // namespace kvscope
