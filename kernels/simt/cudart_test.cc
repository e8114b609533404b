// The emulated CUDA runtime: what NVIDIA documents of memory, copies, launches, streams, events and graphs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

using testing::Each;
using testing::ElementsAre;

class CudartTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override { simt::CurrentOptions().deferred_streams = GetParam(); }
  void TearDown() override {
    EXPECT_CUDA_OK(cudaDeviceSynchronize());
    EXPECT_CUDA_OK(cudaGetLastError());
    simt::CurrentOptions() = before_;
  }

 private:
  const simt::Options before_ = simt::CurrentOptions();
};

INSTANTIATE_TEST_SUITE_P(Streams, CudartTest, testing::Bool(),
                         [](const auto& param) { return param.param ? "Deferred" : "Eager"; });

__global__ void AddKernel(int* values, int amount) { values[threadIdx.x] += amount; }
__global__ void DoubleKernel(int* values) { values[threadIdx.x] *= 2; }

TEST_P(CudartTest, MemoryIsAlignedFreshAndCounted) {
  size_t free_before = 0;
  size_t free_after = 0;
  size_t total = 0;
  EXPECT_CUDA_OK(cudaMemGetInfo(&free_before, &total));
  {
    DeviceArray<uint8_t> array(1000);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(array.data()) % 256, 0u);
    EXPECT_THAT(array.ToHost(), Each(0xff));
    EXPECT_CUDA_OK(cudaMemGetInfo(&free_after, &total));
    EXPECT_EQ(free_after, free_before - 1000);
  }
  EXPECT_CUDA_OK(cudaMemGetInfo(&free_after, &total));
  EXPECT_EQ(free_after, free_before);

  void* pointer = &total;
  EXPECT_EQ(cudaMalloc(&pointer, total + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(pointer, nullptr);
  EXPECT_EQ(cudaFree(&total), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_P(CudartTest, CopiesCheckRangeAndKind) {
  DeviceArray<int> a(std::vector<int>{1, 2, 3, 4});
  DeviceArray<int> b(4);
  int host[8] = {};
  EXPECT_EQ(cudaMemcpy(host, a.data(), 20, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(a.data() + 2, host, 12, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host, a.data(), 16, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(b.data(), a.data(), 16, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemset(b.data(), 0, 17), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);

  EXPECT_CUDA_OK(cudaMemset(b.data(), 0, 16));
  EXPECT_CUDA_OK(cudaMemcpy(b.data() + 1, a.data(), 12, cudaMemcpyDeviceToDevice));
  EXPECT_CUDA_OK(cudaMemcpy(host, b.data(), 16, cudaMemcpyDefault));
  EXPECT_THAT(std::vector<int>(host, host + 4), ElementsAre(0, 1, 2, 3));
}

TEST_P(CudartTest, CopiesRowsBetweenPitches) {
  const std::vector<int> host = {1, 2, 3, 4, 5, 6};
  DeviceArray<int> array(std::vector<int>(8, 0));
  // Two rows of two, of three into four.
  EXPECT_CUDA_OK(cudaMemcpy2DAsync(array.data(), 16, host.data(), 12, 8, 2, cudaMemcpyHostToDevice, nullptr));
  EXPECT_THAT(array.ToHost(), ElementsAre(1, 2, 0, 0, 4, 5, 0, 0));
  EXPECT_EQ(cudaMemcpy2DAsync(array.data(), 4, host.data(), 12, 8, 2, cudaMemcpyHostToDevice, nullptr),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
}

// "API synchronization behavior": from pageable memory the source may be reused at once, into it the copy has
// ended.
TEST_P(CudartTest, CopiesOfPageableMemoryAreDoneWithItOnReturn) {
  cudaStream_t stream = nullptr;
  EXPECT_CUDA_OK(cudaStreamCreate(&stream));
  DeviceArray<int> array(2);
  std::vector<int> host = {5, 6};
  EXPECT_CUDA_OK(cudaMemcpyAsync(array.data(), host.data(), 8, cudaMemcpyHostToDevice, stream));
  host = {0, 0};
  EXPECT_CUDA_OK(cudaMemcpyAsync(host.data(), array.data(), 8, cudaMemcpyDeviceToHost, stream));
  EXPECT_THAT(host, ElementsAre(5, 6));
  EXPECT_CUDA_OK(cudaStreamDestroy(stream));
}

TEST_P(CudartTest, LaunchesKeepToTheLimitsOfADevice) {
  DeviceArray<int> values(std::vector<int>{1});
  const auto launch = [&](dim3 blocks, dim3 threads, size_t shared_bytes) {
    return Launch<DoubleKernel>(blocks, threads, shared_bytes, nullptr, values.data());
  };
  EXPECT_EQ(launch(dim3(0), dim3(1), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(0), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(1025), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(32, 33), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(1, 1, 65), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1, 65536), dim3(1), 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(dim3(1), dim3(1), 48 * 1024 + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(DoubleKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 228 * 1024),
            cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_CUDA_OK(cudaFuncSetAttribute(DoubleKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 227 * 1024));
  EXPECT_CUDA_OK(launch(dim3(1), dim3(1), 227 * 1024));
  EXPECT_THAT(values.ToHost(), ElementsAre(2));
  EXPECT_CUDA_OK(cudaFuncSetAttribute(DoubleKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 0));
}

TEST_P(CudartTest, TheDefaultStreamWaitsForBlockingStreamsAndTheyForIt) {
  cudaStream_t stream = nullptr;
  EXPECT_CUDA_OK(cudaStreamCreate(&stream));
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    simt::CurrentOptions().seed = seed;
    DeviceArray<int> values(std::vector<int>{1});
    EXPECT_CUDA_OK(Launch<AddKernel>(dim3(1), dim3(1), 0, stream, values.data(), 2));
    EXPECT_CUDA_OK(Launch<DoubleKernel>(dim3(1), dim3(1), 0, nullptr, values.data()));
    EXPECT_CUDA_OK(Launch<AddKernel>(dim3(1), dim3(1), 0, stream, values.data(), 1));
    EXPECT_CUDA_OK(cudaStreamSynchronize(stream));
    EXPECT_THAT(values.ToHost(), ElementsAre(7));
  }
  EXPECT_CUDA_OK(cudaStreamDestroy(stream));
}

TEST_P(CudartTest, EventsOrderStreamsAndTellWhenTheyAreReached) {
  cudaStream_t first = nullptr;
  cudaStream_t second = nullptr;
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;
  EXPECT_CUDA_OK(cudaStreamCreateWithFlags(&first, cudaStreamNonBlocking));
  EXPECT_CUDA_OK(cudaStreamCreateWithFlags(&second, cudaStreamNonBlocking));
  EXPECT_CUDA_OK(cudaEventCreate(&begin));
  EXPECT_CUDA_OK(cudaEventCreate(&end));
  float milliseconds = -1.0f;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, begin, end), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);

  DeviceArray<int> values(std::vector<int>{1});
  EXPECT_CUDA_OK(cudaEventRecord(begin, first));
  EXPECT_CUDA_OK(Launch<AddKernel>(dim3(1), dim3(1), 0, first, values.data(), 2));
  EXPECT_CUDA_OK(cudaEventRecord(end, first));
  EXPECT_CUDA_OK(cudaStreamWaitEvent(second, end, 0));
  EXPECT_CUDA_OK(Launch<DoubleKernel>(dim3(1), dim3(1), 0, second, values.data()));
  EXPECT_CUDA_OK(cudaStreamDestroy(second));  // its work still runs
  while (cudaEventQuery(end) == cudaErrorNotReady) {
  }
  EXPECT_CUDA_OK(cudaEventSynchronize(end));
  EXPECT_CUDA_OK(cudaEventElapsedTime(&milliseconds, begin, end));
  EXPECT_GE(milliseconds, 0.0f);
  EXPECT_CUDA_OK(cudaDeviceSynchronize());
  EXPECT_THAT(values.ToHost(), ElementsAre(6));
  EXPECT_CUDA_OK(cudaEventDestroy(begin));
  EXPECT_CUDA_OK(cudaEventDestroy(end));
  EXPECT_CUDA_OK(cudaStreamDestroy(first));
}

TEST_P(CudartTest, GraphsReplayWhatWasCapturedOverStreams) {
  cudaStream_t stream = nullptr;
  cudaStream_t branch = nullptr;
  cudaEvent_t fork = nullptr;
  cudaEvent_t join = nullptr;
  EXPECT_CUDA_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  EXPECT_CUDA_OK(cudaStreamCreateWithFlags(&branch, cudaStreamNonBlocking));
  EXPECT_CUDA_OK(cudaEventCreate(&fork));
  EXPECT_CUDA_OK(cudaEventCreate(&join));
  DeviceArray<int> values(std::vector<int>{1});

  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);
  EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalState);
  EXPECT_CUDA_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  EXPECT_CUDA_OK(Launch<AddKernel>(dim3(1), dim3(1), 0, stream, values.data(), 1));
  EXPECT_CUDA_OK(cudaEventRecord(fork, stream));
  EXPECT_CUDA_OK(cudaStreamWaitEvent(branch, fork, 0));
  EXPECT_CUDA_OK(Launch<DoubleKernel>(dim3(1), dim3(1), 0, branch, values.data()));
  EXPECT_CUDA_OK(cudaEventRecord(join, branch));
  EXPECT_CUDA_OK(cudaStreamWaitEvent(stream, join, 0));
  EXPECT_CUDA_OK(cudaStreamEndCapture(stream, &graph));
  EXPECT_CUDA_OK(cudaDeviceSynchronize());
  EXPECT_THAT(values.ToHost(), ElementsAre(1));  // captured, not run

  cudaGraphExec_t executable = nullptr;
  EXPECT_CUDA_OK(cudaGraphInstantiate(&executable, graph, 0));
  EXPECT_CUDA_OK(cudaGraphDestroy(graph));
  for (int i = 0; i < 3; ++i) EXPECT_CUDA_OK(cudaGraphLaunch(executable, stream));
  EXPECT_CUDA_OK(Launch<AddKernel>(dim3(1), dim3(1), 0, branch, values.data(), 0));  // no longer captured
  EXPECT_CUDA_OK(cudaDeviceSynchronize());
  EXPECT_THAT(values.ToHost(), ElementsAre(22));  // x -> 2 (x + 1), three times
  EXPECT_CUDA_OK(cudaGraphExecDestroy(executable));
  EXPECT_CUDA_OK(cudaEventDestroy(fork));
  EXPECT_CUDA_OK(cudaEventDestroy(join));
  EXPECT_CUDA_OK(cudaStreamDestroy(stream));
  EXPECT_CUDA_OK(cudaStreamDestroy(branch));
}

TEST_P(CudartTest, HostFunctionsRunInTheirStream) {
  DeviceArray<int> values(std::vector<int>{1});
  int* pinned = nullptr;
  EXPECT_CUDA_OK(cudaMallocHost(reinterpret_cast<void**>(&pinned), sizeof(int)));
  EXPECT_CUDA_OK(Launch<AddKernel>(dim3(1), dim3(1), 0, nullptr, values.data(), 4));
  EXPECT_CUDA_OK(cudaMemcpyAsync(pinned, values.data(), sizeof(int), cudaMemcpyDeviceToHost, nullptr));
  EXPECT_CUDA_OK(cudaLaunchHostFunc(
      nullptr, [](void* value) { *static_cast<int*>(value) *= 10; }, pinned));
  EXPECT_CUDA_OK(cudaDeviceSynchronize());
  EXPECT_EQ(*pinned, 50);
  EXPECT_CUDA_OK(cudaFreeHost(pinned));
}

TEST_P(CudartTest, TheEnvironmentChoosesAmongDevices) {
  simt::CurrentOptions().devices = 3;
  const auto visible = [](const char* list) {
    EXPECT_EQ(setenv("CUDA_VISIBLE_DEVICES", list, 1), 0);
    int count = -1;
    const cudaError_t error = cudaGetDeviceCount(&count);
    EXPECT_EQ(error, count > 0 ? cudaSuccess : cudaErrorNoDevice);
    EXPECT_EQ(unsetenv("CUDA_VISIBLE_DEVICES"), 0);
    cudaGetLastError();
    return count;
  };
  EXPECT_EQ(visible("0"), 1);
  EXPECT_EQ(visible("2,0"), 2);
  EXPECT_EQ(visible("1,3,0"), 1);
  EXPECT_EQ(visible("-1"), 0);
  EXPECT_EQ(visible(""), 0);
  int count = 0;
  EXPECT_CUDA_OK(cudaGetDeviceCount(&count));
  EXPECT_EQ(count, 3);
}

TEST_P(CudartTest, ADeviceHasSoMuchMemory) {
  size_t free_bytes = 0, total = 0;
  EXPECT_CUDA_OK(cudaMemGetInfo(&free_bytes, &total));
  simt::CurrentOptions().device_bytes = total - free_bytes + 1000;
  DeviceArray<uint8_t> array(600);
  void* pointer = nullptr;
  EXPECT_EQ(cudaMalloc(&pointer, 401), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_CUDA_OK(cudaMalloc(&pointer, 400));
  EXPECT_CUDA_OK(cudaFree(pointer));
}

TEST_P(CudartTest, ThereIsOneDevice) {
  int count = 0;
  EXPECT_CUDA_OK(cudaGetDeviceCount(&count));
  EXPECT_EQ(count, 1);
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  cudaDeviceProp properties;
  EXPECT_CUDA_OK(cudaGetDeviceProperties(&properties, 0));
  EXPECT_STREQ(properties.name, "emulated");
  int major = 0;
  EXPECT_CUDA_OK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  EXPECT_EQ(major, properties.major);
}

TEST(StreamDeathTest, UseOfADestroyedStreamIsReported) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  cudaStream_t stream = nullptr;
  EXPECT_CUDA_OK(cudaStreamCreate(&stream));
  EXPECT_CUDA_OK(cudaStreamDestroy(stream));
  EXPECT_DEATH((void)cudaStreamSynchronize(stream), "a stream is used that does not exist, or was destroyed");
}

}  // namespace
}  // namespace kvscope
