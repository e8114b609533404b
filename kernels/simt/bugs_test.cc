// Bugs of kernels, one of every kind that the emulator is there to find, seeded: each must be found by the
// means that its test names, and the same kernel without the bug must pass in every order. Races are named by
// ThreadSanitizer, accesses out of bounds by AddressSanitizer: those tests skip in other builds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

using testing::Each;
using testing::ExitedWithCode;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kAsan = true;
#else
constexpr bool kAsan = false;
#endif
#if defined(__SANITIZE_THREAD__)
constexpr bool kTsan = true;
#else
constexpr bool kTsan = false;
#endif

constexpr int kThreads = 64;
constexpr unsigned kAll = 0xffffffffu;

class BugsTest : public testing::Test {
 protected:
  // A child that runs from the start: sanitizers do not survive a fork of a process with fibers.
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { simt::CurrentOptions() = before_; }

 private:
  const simt::Options before_ = simt::CurrentOptions();
};

// What one block wrote.
template <auto kKernel>
std::vector<float> RunBlock(size_t dynamic_shared_bytes = 0) {
  DeviceArray<float> out(kThreads);
  EXPECT_CUDA_OK(Launch<kKernel>(dim3(1), dim3(kThreads), dynamic_shared_bytes, nullptr, out.data()));
  return out.ToHost();
}

// Whether the block's values are all `expected` in an order. Random orders are by seed, others ignore it.
template <auto kKernel>
bool IsRightIn(simt::Order order, float expected, uint64_t seed = 1) {
  simt::CurrentOptions().order = order;
  simt::CurrentOptions().seed = seed;
  return testing::Matches(Each(expected))(RunBlock<kKernel>());
}

template <auto kKernel>
void ExpectWrongInEveryOrder(float expected) {
  EXPECT_FALSE(IsRightIn<kKernel>(simt::Order::kForward, expected));
  EXPECT_FALSE(IsRightIn<kKernel>(simt::Order::kReverse, expected));
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_FALSE(IsRightIn<kKernel>(simt::Order::kRandom, expected, seed)) << "seed " << seed;
  }
}

template <auto kKernel>
void ExpectRightInEveryOrder(float expected) {
  EXPECT_TRUE(IsRightIn<kKernel>(simt::Order::kForward, expected));
  EXPECT_TRUE(IsRightIn<kKernel>(simt::Order::kReverse, expected));
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    EXPECT_TRUE(IsRightIn<kKernel>(simt::Order::kRandom, expected, seed)) << "seed " << seed;
  }
}

// ThreadSanitizer's exit code is 66 when it has reported something.
#define EXPECT_RACE_NAMED(kernel, name) \
  EXPECT_EXIT(                          \
      {                                 \
        RunBlock<kernel>();             \
        std::exit(0);                   \
      },                                \
      ExitedWithCode(66), "data race.*" name "[^\n]*bugs_test\\.cc:[0-9]+")

#define SKIP_WITHOUT_TSAN() \
  if (!kTsan) GTEST_SKIP() << "needs ThreadSanitizer"
#define SKIP_UNDER_TSAN() \
  if (kTsan) GTEST_SKIP() << "ThreadSanitizer reports the race itself"
#define SKIP_WITHOUT_ASAN() \
  if (!kAsan) GTEST_SKIP() << "needs AddressSanitizer"

// ---- No barrier between writing and reading.

template <bool kBug>
__global__ void ReadAfterWriteKernel(float* out) {
  KVSCOPE_SHARED(float, partial, kThreads / 32);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = 1.0f;
  if (!kBug) __syncthreads();
  out[threadIdx.x] = partial[0] + partial[1];
}

TEST_F(BugsTest, MissingBarrierIsWrongInEveryOrder) {
  SKIP_UNDER_TSAN();
  ExpectWrongInEveryOrder<ReadAfterWriteKernel<true>>(2.0f);
}
TEST_F(BugsTest, MissingBarrierIsNamed) {
  SKIP_WITHOUT_TSAN();
  EXPECT_RACE_NAMED(ReadAfterWriteKernel<true>, "ReadAfterWriteKernel");
}
TEST_F(BugsTest, BarrierAfterWriteIsRight) { ExpectRightInEveryOrder<ReadAfterWriteKernel<false>>(2.0f); }

// ---- No barrier between reading and writing again.

template <bool kBug>
__global__ void WriteAfterReadKernel(float* out) {
  KVSCOPE_SHARED(float, values, kThreads);
  float sum = 0.0f;
  for (int round = 1; round <= 4; ++round) {
    values[threadIdx.x] = static_cast<float>(round);
    __syncthreads();
    sum += values[(threadIdx.x + 1) % kThreads];
    if (!kBug) __syncthreads();
  }
  out[threadIdx.x] = sum;
}

TEST_F(BugsTest, MissingBarrierBeforeWritingAgainIsWrongInEveryOrder) {
  SKIP_UNDER_TSAN();
  ExpectWrongInEveryOrder<WriteAfterReadKernel<true>>(10.0f);
}
TEST_F(BugsTest, MissingBarrierBeforeWritingAgainIsNamed) {
  SKIP_WITHOUT_TSAN();
  EXPECT_RACE_NAMED(WriteAfterReadKernel<true>, "WriteAfterReadKernel");
}
TEST_F(BugsTest, BarrierBeforeWritingAgainIsRight) {
  ExpectRightInEveryOrder<WriteAfterReadKernel<false>>(10.0f);
}

// ---- An addition that is not atomic. Fibers switch at primitives only: no order shows it.

template <bool kBug>
__global__ void AddKernel(float* out) {
  KVSCOPE_SHARED(float, sum, 1);
  if (threadIdx.x == 0) sum[0] = 0.0f;
  __syncthreads();
  if (kBug) {
    sum[0] += 1.0f;
  } else {
    atomicAdd(&sum[0], 1.0f);
  }
  __syncthreads();
  out[threadIdx.x] = sum[0];
}

TEST_F(BugsTest, NonAtomicAdditionIsNamed) {
  SKIP_WITHOUT_TSAN();
  EXPECT_RACE_NAMED(AddKernel<true>, "AddKernel");
}
TEST_F(BugsTest, AtomicAdditionIsRight) { ExpectRightInEveryOrder<AddKernel<false>>(kThreads); }

// ---- No __syncwarp between writing and reading inside a warp.

template <bool kBug>
__global__ void WarpNeighbourKernel(float* out) {
  KVSCOPE_SHARED(float, values, kThreads);
  values[threadIdx.x] = 3.0f;
  if (!kBug) __syncwarp();
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}

TEST_F(BugsTest, MissingSyncwarpIsWrongInEveryOrder) {
  SKIP_UNDER_TSAN();
  ExpectWrongInEveryOrder<WarpNeighbourKernel<true>>(3.0f);
}
TEST_F(BugsTest, MissingSyncwarpIsNamed) {
  SKIP_WITHOUT_TSAN();
  EXPECT_RACE_NAMED(WarpNeighbourKernel<true>, "WarpNeighbourKernel");
}
TEST_F(BugsTest, SyncwarpIsRight) { ExpectRightInEveryOrder<WarpNeighbourKernel<false>>(3.0f); }

// A shuffle makes lanes wait for each other but orders no memory.
__global__ void ShuffleForBarrierKernel(float* out) {
  KVSCOPE_SHARED(float, values, kThreads);
  values[threadIdx.x] = __shfl_sync(kAll, 3.0f, 0);
  const float zero = __shfl_sync(kAll, 0.0f, 0);
  out[threadIdx.x] = values[threadIdx.x ^ 1] + zero;
}

TEST_F(BugsTest, ShuffleInPlaceOfSyncwarpIsNamed) {
  SKIP_WITHOUT_TSAN();
  EXPECT_RACE_NAMED(ShuffleForBarrierKernel, "ShuffleForBarrierKernel");
}

// ---- Out of bounds.

__global__ void OverrunKernel(float* out, int size) {
  if (threadIdx.x == 3) out[size] = 1.0f;
}

void Overrun(int size) {
  DeviceArray<float> array(static_cast<size_t>(size));
  EXPECT_CUDA_OK(Launch<OverrunKernel>(dim3(1), dim3(kThreads), 0, nullptr, array.data(), size));
}

TEST_F(BugsTest, AccessPastAnAllocationIsNamed) {
  SKIP_WITHOUT_ASAN();
  EXPECT_DEATH(Overrun(64), "use-after-poison.*OverrunKernel[^\n]*bugs_test\\.cc");
  EXPECT_DEATH(Overrun(63), "use-after-poison.*OverrunKernel[^\n]*bugs_test\\.cc");
}

// An allocation is a multiple of 256 bytes; what is past them faults.
TEST_F(BugsTest, AccessFarPastAnAllocationIsReported) {
  if (kAsan) GTEST_SKIP() << "AddressSanitizer reports it first";
  EXPECT_DEATH(Overrun(64),
               "a kernel accesses device memory at .*: 0 bytes past the end of an allocation of 256 bytes, "
               "in OverrunKernel, block \\(0,0,0\\), thread \\(3,0,0\\)");
}

__global__ void SharedOverrunKernel(float* out) {
  KVSCOPE_SHARED(float, values, kThreads);
  float* next = values + threadIdx.x + 1;
  *next = 1.0f;
  out[threadIdx.x] = values[threadIdx.x];
}

TEST_F(BugsTest, AccessPastADeclaredArrayIsNamed) {
  SKIP_WITHOUT_ASAN();
  EXPECT_DEATH(RunBlock<SharedOverrunKernel>(), "use-after-poison.*SharedOverrunKernel[^\n]*bugs_test\\.cc");
}

__global__ void DynamicOverrunKernel(float* out) {
  KVSCOPE_DYNAMIC_SHARED(float, values);
  values[threadIdx.x] = 1.0f;
  out[threadIdx.x] = values[threadIdx.x];
}

TEST_F(BugsTest, AccessPastDynamicSharedMemoryIsNamed) {
  SKIP_WITHOUT_ASAN();
  RunBlock<DynamicOverrunKernel>(kThreads * sizeof(float));
  EXPECT_DEATH(RunBlock<DynamicOverrunKernel>(kThreads * sizeof(float) - 1),
               "use-after-poison.*DynamicOverrunKernel[^\n]*bugs_test\\.cc");
}

__global__ void LocalOverrunKernel(float* out) {
  float local[4] = {};
  local[threadIdx.x] = 1.0f;
  __syncthreads();
  out[threadIdx.x] = local[threadIdx.x / 2];
}

TEST_F(BugsTest, AccessPastALocalArrayIsNamed) {
  SKIP_WITHOUT_ASAN();
  EXPECT_DEATH(RunBlock<LocalOverrunKernel>(), "(stack-buffer-overflow|out of bounds)");
}

__global__ void MisalignedKernel(float* out) {
  const float4 four = *reinterpret_cast<const float4*>(out + 1);
  out[threadIdx.x] = four.x;
}

TEST_F(BugsTest, MisalignedVectorLoadIsNamed) {
  SKIP_WITHOUT_ASAN();
  EXPECT_DEATH(RunBlock<MisalignedKernel>(), "bugs_test\\.cc:[0-9]+.*misaligned address");
}

int Recurse(int depth) {
  volatile char frame[1024] = {};
  frame[depth % 1024] = 1;
  return depth == 0 ? 0 : Recurse(depth - 1) + frame[depth % 1024];
}

__global__ void RecursionKernel(float* out) { out[threadIdx.x] = static_cast<float>(Recurse(10000)); }

TEST_F(BugsTest, StackOverflowIsReported) { EXPECT_DEATH(RunBlock<RecursionKernel>(), "stack.overflow"); }

// ---- Threads that do not meet.

__global__ void DivergentBarrierKernel(float* out) {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[threadIdx.x] = 1.0f;
}

TEST_F(BugsTest, DivergentBarrierIsReported) {
  EXPECT_DEATH(
      RunBlock<DivergentBarrierKernel>(),
      "divergent barrier: __syncthreads at [^ ]*bugs_test.cc:[0-9]+, while other threads of the block wait "
      "in "
      "__syncthreads at [^ ]*bugs_test.cc:[0-9]+, in DivergentBarrierKernel, block \\(0,0,0\\), thread");
}

__global__ void DeadlockKernel(float* out) {
  if (threadIdx.x % 32 < 20) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  out[threadIdx.x] = 1.0f;
}

TEST_F(BugsTest, DeadlockNamesWhoWaitsWhere) {
  EXPECT_DEATH(
      RunBlock<DeadlockKernel>(),
      "deadlock: no thread of the block can run\n"
      "  40 wait in __syncthreads at [^ ]*bugs_test.cc:[0-9]+, the first is thread \\(0,0,0\\)\n"
      "  24 wait in __syncwarp with mask 0xffffffff at [^ ]*bugs_test.cc:[0-9]+, the first is thread "
      "\\(20,0,0\\)\n  0 of 64 have returned\n  found, in DeadlockKernel, block \\(0,0,0\\)");
}

__global__ void ReturnedLaneKernel(float* out) {
  if (threadIdx.x % 32 == 31) return;
  out[threadIdx.x] = __shfl_xor_sync(kAll, 1.0f, 1);
}

TEST_F(BugsTest, ReturnedLaneInAMaskIsReported) {
  simt::CurrentOptions().order = simt::Order::kForward;
  EXPECT_DEATH(
      RunBlock<ReturnedLaneKernel>(),
      "a thread returned while lanes of its warp wait for it in __shfl_xor_sync with mask 0xffffffff at ");
  simt::CurrentOptions().order = simt::Order::kReverse;
  EXPECT_DEATH(RunBlock<ReturnedLaneKernel>(),
               "mask 0xffffffff names lanes that have returned or do not exist");
}

__global__ void UnnamedCallerKernel(float* out) { out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 0); }

TEST_F(BugsTest, CallerOutsideItsMaskIsReported) {
  EXPECT_DEATH(RunBlock<UnnamedCallerKernel>(), "lane 16 calls it and is not in mask 0x0000ffff");
}

__global__ void UnnamedSourceKernel(float* out) {
  if (threadIdx.x % 32 < 16) out[threadIdx.x] = __shfl_sync(0x0000ffffu, 1.0f, 20);
}

TEST_F(BugsTest, ShuffleFromOutsideTheMaskIsReported) {
  EXPECT_DEATH(
      RunBlock<UnnamedSourceKernel>(),
      "__shfl_sync at [^ ]*bugs_test.cc:[0-9]+: lane 0 reads lane 20, which is not in mask 0x0000ffff");
}

__global__ void MixedCollectivesKernel(float* out) {
  if (threadIdx.x % 2 == 0) {
    __syncwarp();
  } else {
    out[threadIdx.x] = __shfl_sync(kAll, 1.0f, 0);
  }
}

TEST_F(BugsTest, DifferentCollectivesUnderOneMaskAreReported) {
  EXPECT_DEATH(RunBlock<MixedCollectivesKernel>(),
               "__shfl_sync at .* meets __syncwarp at .* with the same mask");
}

// ---- The host and the device.

TEST_F(BugsTest, HostThatDereferencesADevicePointerIsReported) {
  DeviceArray<float> array(10);
  EXPECT_DEATH(array.data()[2] = 1.0f,
               "host code accesses device memory at .*: byte 8 of an allocation of 40 bytes");
  EXPECT_DEATH(EXPECT_EQ(array.data()[3], 0.0f), "host code accesses device memory");
}

__global__ void WriteKernel(float* out) { out[threadIdx.x] = 1.0f; }

TEST_F(BugsTest, UseAfterFreeIsReported) {
  const auto use_after_free = [] {
    float* freed = nullptr;
    EXPECT_CUDA_OK(cudaMalloc(reinterpret_cast<void**>(&freed), kThreads * sizeof(float)));
    EXPECT_CUDA_OK(cudaFree(freed));
    EXPECT_CUDA_OK(Launch<WriteKernel>(dim3(1), dim3(kThreads), 0, nullptr, freed));
  };
  EXPECT_DEATH(use_after_free(),
               "a kernel accesses device memory at .*: byte 0 of a freed allocation of 256 bytes");
}

}  // namespace
}  // namespace kvscope
