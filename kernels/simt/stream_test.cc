// Bugs between streams, seeded: a kernel writes in one stream, a copy in another reads. A missing wait must
// be wrong in some order of deferred work, and a program that waits right in all.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

using testing::Each;

constexpr int kThreads = 64;

class StreamTest : public testing::Test {
 protected:
  void TearDown() override { simt::CurrentOptions() = before_; }

 private:
  const simt::Options before_ = simt::CurrentOptions();
};

__global__ void WriteKernel(float* out) { out[threadIdx.x] = 1.0f; }

// What the copy reads; NaN is what was there before the kernel.
std::vector<float> CopyFromAnotherStream(uint64_t seed, bool wait_for_kernel, bool wait_for_copy) {
  simt::CurrentOptions().deferred_streams = true;
  simt::CurrentOptions().seed = seed;
  DeviceArray<float> array(kThreads);
  cudaStream_t producer = nullptr;
  cudaStream_t consumer = nullptr;
  cudaEvent_t written = nullptr;
  float* pinned = nullptr;
  EXPECT_CUDA_OK(cudaStreamCreateWithFlags(&producer, cudaStreamNonBlocking));
  EXPECT_CUDA_OK(cudaStreamCreateWithFlags(&consumer, cudaStreamNonBlocking));
  EXPECT_CUDA_OK(cudaEventCreate(&written));
  EXPECT_CUDA_OK(cudaMallocHost(reinterpret_cast<void**>(&pinned), kThreads * sizeof(float)));
  std::fill_n(pinned, kThreads, -1.0f);

  EXPECT_CUDA_OK(Launch<WriteKernel>(dim3(1), dim3(kThreads), 0, producer, array.data()));
  EXPECT_CUDA_OK(cudaEventRecord(written, producer));
  if (wait_for_kernel) {
    EXPECT_CUDA_OK(cudaStreamWaitEvent(consumer, written, 0));
  }
  EXPECT_CUDA_OK(
      cudaMemcpyAsync(pinned, array.data(), kThreads * sizeof(float), cudaMemcpyDeviceToHost, consumer));
  if (wait_for_copy) {
    EXPECT_CUDA_OK(cudaStreamSynchronize(consumer));
  }
  std::vector<float> found(pinned, pinned + kThreads);

  EXPECT_CUDA_OK(cudaDeviceSynchronize());
  EXPECT_CUDA_OK(cudaFreeHost(pinned));
  EXPECT_CUDA_OK(cudaEventDestroy(written));
  EXPECT_CUDA_OK(cudaStreamDestroy(consumer));
  EXPECT_CUDA_OK(cudaStreamDestroy(producer));
  return found;
}

TEST_F(StreamTest, MissingWaitForAnotherStreamIsWrongForSomeSeeds) {
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    if (!testing::Matches(Each(1.0f))(CopyFromAnotherStream(seed, false, true))) ++wrong;
  }
  EXPECT_GE(wrong, 5);
}

TEST_F(StreamTest, MissingWaitOfTheHostIsWrongForEverySeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_THAT(CopyFromAnotherStream(seed, true, false), Each(-1.0f)) << "seed " << seed;
  }
}

TEST_F(StreamTest, WaitsForStreamsAreRightForEverySeed) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_THAT(CopyFromAnotherStream(seed, true, true), Each(1.0f)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace kvscope
