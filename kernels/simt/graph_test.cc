// Graphs of the emulated runtime: calls that a capture forbids, each seeded, and forks that are not ordered.
// The expected errors are those that NVIDIA's programming guide ("Prohibited and Unhandled Operations",
// "Invalidation") and driver_types.h document.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

using testing::Each;

constexpr int kThreads = 32;

__global__ void AddKernel(int* values, int amount) { values[threadIdx.x] += amount; }
__global__ void DoubleKernel(int* values) { values[threadIdx.x] *= 2; }

class GraphTest : public testing::Test {
 protected:
  GraphTest() {
    for (cudaStream_t* stream : {&stream_, &branch_})
      EXPECT_CUDA_OK(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking));
    for (cudaEvent_t* event : {&fork_, &join_}) EXPECT_CUDA_OK(cudaEventCreate(event));
  }
  ~GraphTest() override {
    for (cudaStream_t stream : {stream_, branch_}) EXPECT_CUDA_OK(cudaStreamDestroy(stream));
    for (cudaEvent_t event : {fork_, join_}) EXPECT_CUDA_OK(cudaEventDestroy(event));
    simt::CurrentOptions() = before_;
  }

  void Add(cudaStream_t stream, int amount) {
    EXPECT_CUDA_OK(Launch<AddKernel>(dim3(1), dim3(kThreads), 0, stream, values_.data(), amount));
  }
  void Double(cudaStream_t stream) {
    EXPECT_CUDA_OK(Launch<DoubleKernel>(dim3(1), dim3(kThreads), 0, stream, values_.data()));
  }
  static void Wait(cudaStream_t stream, cudaEvent_t event, cudaStream_t recorded_in) {
    EXPECT_CUDA_OK(cudaEventRecord(event, recorded_in));
    EXPECT_CUDA_OK(cudaStreamWaitEvent(stream, event, 0));
  }

  // What EndCapture returns, and the same with `call` in the middle of what is captured.
  cudaError_t Capture(cudaStreamCaptureMode mode, const std::function<void()>& call) {
    EXPECT_CUDA_OK(cudaStreamBeginCapture(stream_, mode));
    Add(stream_, 1);
    call();
    cudaGraph_t graph = nullptr;
    const cudaError_t ended = cudaStreamEndCapture(stream_, &graph);
    EXPECT_EQ(graph != nullptr, ended == cudaSuccess);
    if (graph != nullptr) {
      EXPECT_CUDA_OK(cudaGraphDestroy(graph));
    }
    cudaGetLastError();
    return ended;
  }
  void ExpectForbidden(const std::function<cudaError_t()>& call,
                       cudaError_t expected = cudaErrorStreamCaptureUnsupported) {
    EXPECT_EQ(Capture(cudaStreamCaptureModeThreadLocal, [&] { EXPECT_EQ(call(), expected); }),
              cudaErrorStreamCaptureInvalidated);
    Add(stream_, 0);  // the stream is in use again
  }

  // Launches a captured graph once under each seed of deferred streams, from values of 1.
  std::vector<std::vector<int>> ReplayInEveryOrder(cudaGraph_t graph) {
    cudaGraphExec_t executable = nullptr;
    EXPECT_CUDA_OK(cudaGraphInstantiate(&executable, graph, 0));
    EXPECT_CUDA_OK(cudaGraphDestroy(graph));
    std::vector<std::vector<int>> found;
    simt::CurrentOptions().deferred_streams = true;
    for (simt::CurrentOptions().seed = 1; simt::CurrentOptions().seed <= 20; ++simt::CurrentOptions().seed) {
      EXPECT_CUDA_OK(
          cudaMemcpy(values_.data(), ones_.data(), kThreads * sizeof(int), cudaMemcpyHostToDevice));
      EXPECT_CUDA_OK(cudaDeviceSynchronize());
      EXPECT_CUDA_OK(cudaGraphLaunch(executable, stream_));
      EXPECT_CUDA_OK(cudaStreamSynchronize(stream_));
      found.push_back(values_.ToHost());
    }
    EXPECT_CUDA_OK(cudaGraphExecDestroy(executable));
    return found;
  }

  const simt::Options before_ = simt::CurrentOptions();
  const std::vector<int> ones_ = std::vector<int>(kThreads, 1);
  DeviceArray<int> values_{ones_};
  cudaStream_t stream_ = nullptr, branch_ = nullptr;
  cudaEvent_t fork_ = nullptr, join_ = nullptr;
};

TEST_F(GraphTest, CallsThatMayWaitAreForbidden) {
  EXPECT_EQ(Capture(cudaStreamCaptureModeThreadLocal, [] {}), cudaSuccess);
  void* memory = nullptr;
  int host = 0;
  ExpectForbidden([&] { return cudaMalloc(&memory, 4); });
  ExpectForbidden([&] { return cudaFree(values_.data()); });
  ExpectForbidden([&] { return cudaMallocHost(&memory, 4); });
  ExpectForbidden([&] { return cudaFreeHost(nullptr); });
  ExpectForbidden([&] { return cudaMemcpy(&host, values_.data(), 4, cudaMemcpyDeviceToHost); });
  ExpectForbidden([&] { return cudaMemset(values_.data(), 0, 4); });
  ExpectForbidden([&] { return cudaStreamSynchronize(stream_); });
  ExpectForbidden([&] { return cudaStreamQuery(stream_); });
  ExpectForbidden([] { return cudaDeviceSynchronize(); });
  EXPECT_CUDA_OK(cudaDeviceSynchronize());
  EXPECT_THAT(values_.ToHost(), Each(1));  // nothing captured has run
}

TEST_F(GraphTest, RelaxedCapturesAllowAllocationButNoWaits) {
  void* memory = nullptr;
  EXPECT_EQ(Capture(cudaStreamCaptureModeRelaxed, [&] { EXPECT_CUDA_OK(cudaMalloc(&memory, 4)); }),
            cudaSuccess);
  EXPECT_CUDA_OK(cudaFree(memory));
  EXPECT_EQ(Capture(cudaStreamCaptureModeRelaxed,
                    [] { EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported); }),
            cudaErrorStreamCaptureInvalidated);
}

TEST_F(GraphTest, CapturedEventsCannotBeWaitedForByTheHost) {
  EXPECT_CUDA_OK(cudaEventRecord(fork_, stream_));
  EXPECT_CUDA_OK(cudaEventSynchronize(fork_));
  ExpectForbidden(
      [&] {
        EXPECT_CUDA_OK(cudaEventRecord(fork_, stream_));
        return cudaEventSynchronize(fork_);
      },
      cudaErrorCapturedEvent);
  ExpectForbidden(
      [&] {
        EXPECT_CUDA_OK(cudaEventRecord(fork_, stream_));
        return cudaEventQuery(fork_);
      },
      cudaErrorCapturedEvent);
}

TEST_F(GraphTest, AnInvalidCaptureTakesNoMoreWork) {
  EXPECT_EQ(Capture(cudaStreamCaptureModeGlobal,
                    [&] {
                      EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
                      EXPECT_EQ(Launch<DoubleKernel>(dim3(1), dim3(1), 0, stream_, values_.data()),
                                cudaErrorStreamCaptureInvalidated);
                      cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
                      EXPECT_CUDA_OK(cudaStreamIsCapturing(stream_, &status));
                      EXPECT_EQ(status, cudaStreamCaptureStatusInvalidated);
                    }),
            cudaErrorStreamCaptureInvalidated);
}

TEST_F(GraphTest, TheLegacyStreamMayNotBeUsedBesideABlockingCapture) {
  cudaStream_t blocking = nullptr;
  EXPECT_CUDA_OK(cudaStreamCreate(&blocking));
  EXPECT_CUDA_OK(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeRelaxed));
  EXPECT_EQ(cudaMemsetAsync(values_.data(), 0, 4, nullptr), cudaErrorStreamCaptureImplicit);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed), cudaErrorStreamCaptureUnsupported);
  cudaGetLastError();
  EXPECT_CUDA_OK(cudaStreamDestroy(blocking));
}

TEST_F(GraphTest, WaitsMayNotCrossTheCapture) {
  Add(branch_, 0);
  ExpectForbidden(
      [&] {
        EXPECT_CUDA_OK(cudaEventRecord(fork_, branch_));
        return cudaStreamWaitEvent(stream_, fork_, 0);
      },
      cudaErrorStreamCaptureIsolation);
  ExpectForbidden(
      [&] {
        EXPECT_CUDA_OK(cudaStreamBeginCapture(branch_, cudaStreamCaptureModeThreadLocal));
        EXPECT_CUDA_OK(cudaEventRecord(fork_, branch_));
        const cudaError_t waited = cudaStreamWaitEvent(stream_, fork_, 0);
        cudaGraph_t graph = nullptr;
        EXPECT_EQ(cudaStreamEndCapture(branch_, &graph), cudaErrorStreamCaptureInvalidated);
        return waited;
      },
      cudaErrorStreamCaptureMerge);
}

TEST_F(GraphTest, AForkMustBeJoinedAndEndsWhereItBegan) {
  EXPECT_EQ(Capture(cudaStreamCaptureModeThreadLocal,
                    [&] {
                      Wait(branch_, fork_, stream_);
                      Add(branch_, 1);
                    }),
            cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(Capture(cudaStreamCaptureModeThreadLocal,
                    [&] {
                      Wait(branch_, fork_, stream_);
                      cudaGraph_t graph = nullptr;
                      EXPECT_EQ(cudaStreamEndCapture(branch_, &graph), cudaErrorStreamCaptureUnmatched);
                    }),
            cudaErrorStreamCaptureInvalidated);
}

TEST_F(GraphTest, OnlyEdgesOrderWhatIsReplayed) {
  for (const bool ordered : {true, false}) {
    EXPECT_CUDA_OK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
    Wait(branch_, fork_, stream_);
    Add(branch_, 1);
    EXPECT_CUDA_OK(cudaEventRecord(join_, branch_));
    if (ordered) {
      EXPECT_CUDA_OK(cudaStreamWaitEvent(stream_, join_, 0));
    }
    Double(stream_);
    if (!ordered) {
      EXPECT_CUDA_OK(cudaStreamWaitEvent(stream_, join_, 0));
    }
    cudaGraph_t graph = nullptr;
    EXPECT_CUDA_OK(cudaStreamEndCapture(stream_, &graph));
    int right = 0;
    for (const std::vector<int>& values : ReplayInEveryOrder(graph)) right += values.front() == 4;
    if (ordered) {
      EXPECT_EQ(right, 20);
    } else {
      EXPECT_LT(right, 15);
      EXPECT_GT(right, 0);
    }
  }
}

// What a step is made of: the same graph, other numbers in memory.
TEST_F(GraphTest, KernelsReadWhatLiesInMemoryWhenTheyAreReplayed) {
  EXPECT_CUDA_OK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  Double(stream_);
  cudaGraph_t graph = nullptr;
  EXPECT_CUDA_OK(cudaStreamEndCapture(stream_, &graph));
  cudaGraphExec_t executable = nullptr;
  EXPECT_CUDA_OK(cudaGraphInstantiate(&executable, graph, 0));
  for (const int value : {3, 5}) {
    const std::vector<int> in(kThreads, value);
    EXPECT_CUDA_OK(
        cudaMemcpyAsync(values_.data(), in.data(), in.size() * sizeof(int), cudaMemcpyHostToDevice, stream_));
    EXPECT_CUDA_OK(cudaGraphLaunch(executable, stream_));
    EXPECT_CUDA_OK(cudaStreamSynchronize(stream_));
    EXPECT_THAT(values_.ToHost(), Each(2 * value));
  }
  EXPECT_EQ(cudaGraphInstantiate(&executable, nullptr, 0), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGraphLaunch(nullptr, stream_), cudaErrorInvalidValue);
  cudaGetLastError();
  EXPECT_CUDA_OK(cudaGraphExecDestroy(executable));
  EXPECT_CUDA_OK(cudaGraphDestroy(graph));
}

TEST_F(GraphTest, ExternalEventsAreRecordedAtEachLaunch) {
  EXPECT_EQ(cudaEventRecordWithFlags(fork_, stream_, cudaEventRecordExternal), cudaErrorInvalidValue);
  cudaGetLastError();
  EXPECT_CUDA_OK(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal));
  EXPECT_CUDA_OK(cudaEventRecordWithFlags(fork_, stream_, cudaEventRecordExternal));
  Add(stream_, 1);
  EXPECT_CUDA_OK(cudaEventRecordWithFlags(join_, stream_, cudaEventRecordExternal));
  cudaGraph_t graph = nullptr;
  EXPECT_CUDA_OK(cudaStreamEndCapture(stream_, &graph));
  cudaGraphExec_t executable = nullptr;
  EXPECT_CUDA_OK(cudaGraphInstantiate(&executable, graph, 0));
  float milliseconds = -1;
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, fork_, join_), cudaErrorInvalidResourceHandle);
  cudaGetLastError();
  EXPECT_CUDA_OK(cudaGraphLaunch(executable, stream_));
  EXPECT_CUDA_OK(cudaStreamSynchronize(stream_));
  EXPECT_CUDA_OK(cudaEventElapsedTime(&milliseconds, fork_, join_));
  EXPECT_GE(milliseconds, 0.0f);
  EXPECT_CUDA_OK(cudaGraphExecDestroy(executable));
  EXPECT_CUDA_OK(cudaGraphDestroy(graph));
}

}  // namespace
}  // namespace kvscope
