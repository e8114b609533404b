// The device language by known answers, in every order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "kernels/cuda/device.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/simt/counters.h"

namespace kvscope {
namespace {

using testing::Each;
using testing::ElementsAre;

constexpr unsigned kAll = 0xffffffffu;

// Runs one block and returns the `size` values that it wrote.
template <auto kKernel>
std::vector<int> RunBlockOf(unsigned threads, size_t size) {
  DeviceArray<int> out(size);
  EXPECT_CUDA_OK(Launch<kKernel>(dim3(1), dim3(threads), 0, nullptr, out.data()));
  return out.ToHost();
}

__global__ void IndexKernel(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = static_cast<int>(1000 * block + thread);
}

TEST(LanguageTest, EveryThreadOfEveryBlockRunsOnceWithItsIndex) {
  ForEachOrder([] {
    const dim3 blocks(3, 2, 2);
    const dim3 threads(5, 3, 4);
    DeviceArray<int> out(12 * 60);
    EXPECT_CUDA_OK(Launch<IndexKernel>(blocks, threads, 0, nullptr, out.data()));
    const std::vector<int> found = out.ToHost();
    for (int block = 0; block < 12; ++block) {
      for (int thread = 0; thread < 60; ++thread)
        EXPECT_EQ(found[block * 60 + thread], 1000 * block + thread);
    }
  });
}

__global__ void ShuffleKernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = __shfl_sync(kAll, lane, 7);
  out[32 + lane] = __shfl_sync(kAll, lane, 9, 8);  // lane 1 of each segment of 8
  out[64 + lane] = __shfl_up_sync(kAll, lane, 3);
  out[96 + lane] = __shfl_down_sync(kAll, lane, 3, 16);
  out[128 + lane] = __shfl_xor_sync(kAll, lane, 5);
}

TEST(LanguageTest, ShufflesMoveValuesInsideSegments) {
  ForEachOrder([] {
    const std::vector<int> out = RunBlockOf<ShuffleKernel>(32, 160);
    for (int lane = 0; lane < 32; ++lane) {
      EXPECT_EQ(out[lane], 7);
      EXPECT_EQ(out[32 + lane], lane / 8 * 8 + 1);
      EXPECT_EQ(out[64 + lane], lane >= 3 ? lane - 3 : lane);
      EXPECT_EQ(out[96 + lane], lane % 16 < 13 ? lane + 3 : lane);
      EXPECT_EQ(out[128 + lane], lane ^ 5);
    }
  });
}

__global__ void ShuffledTypesKernel(int* out) {
  const unsigned lane = threadIdx.x;
  const double wide = __shfl_xor_sync(kAll, lane + 0.5, 1);
  const __nv_bfloat16 narrow = __shfl_xor_sync(kAll, __float2bfloat16(static_cast<float>(lane)), 1);
  out[lane] = static_cast<int>(2 * wide) * 1000 + static_cast<int>(__bfloat162float(narrow));
}

TEST(LanguageTest, ShufflesTakeDoubleAndBfloat16) {
  ForEachOrder([] {
    const std::vector<int> out = RunBlockOf<ShuffledTypesKernel>(32, 32);
    for (int lane = 0; lane < 32; ++lane) EXPECT_EQ(out[lane], (2 * (lane ^ 1) + 1) * 1000 + (lane ^ 1));
  });
}

__global__ void VoteKernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  out[lane] = static_cast<int>(__ballot_sync(kAll, lane % 4 == 0));
  out[32 + lane] = __any_sync(kAll, lane == 31) + 2 * __any_sync(kAll, 0) + 4 * __all_sync(kAll, 1) +
                   8 * __all_sync(kAll, lane != 5);
  out[64 + lane] = static_cast<int>(__match_any_sync(kAll, lane / 8));
}

TEST(LanguageTest, VotesSeeAllLanes) {
  ForEachOrder([] {
    const std::vector<int> out = RunBlockOf<VoteKernel>(32, 96);
    for (int lane = 0; lane < 32; ++lane) {
      EXPECT_EQ(out[lane], 0x11111111);
      EXPECT_EQ(out[32 + lane], 1 + 4);
      EXPECT_EQ(static_cast<unsigned>(out[64 + lane]), 0xffu << lane / 8 * 8);
    }
  });
}

__global__ void ReduceKernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  const unsigned bit = 1u << lane;
  const int found[] = {
      __reduce_add_sync(kAll, lane - 20),
      __reduce_min_sync(kAll, lane - 20),
      __reduce_max_sync(kAll, lane - 20),
      static_cast<int>(__reduce_max_sync(kAll, static_cast<unsigned>(lane - 20))),
      static_cast<int>(__reduce_and_sync(kAll, ~bit | 0xff)),
      static_cast<int>(__reduce_or_sync(kAll, bit & 0xff00)),
      static_cast<int>(__reduce_xor_sync(kAll, bit | 1)),
  };
  if (lane == 0) {
    for (int i = 0; i < 7; ++i) out[i] = found[i];
  }
}

TEST(LanguageTest, ReductionsFoldAllLanes) {
  ForEachOrder([] {
    // Sum of 0..31 is 496; -1 is the highest unsigned; bits 1 to 31, and bit 0 an even number of times.
    EXPECT_THAT(RunBlockOf<ReduceKernel>(32, 7),
                ElementsAre(496 - 640, -20, 11, -1, 0xff, 0xff00, static_cast<int>(0xfffffffeu)));
  });
}

__global__ void DivergedKernel(int* out) {
  const int lane = static_cast<int>(threadIdx.x);
  int sum = lane;
  if (lane < 16) {
    for (int distance = 8; distance > 0; distance /= 2) sum += __shfl_xor_sync(0x0000ffffu, sum, distance);
  } else {
    for (int distance = 8; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffff0000u, sum, distance);
    __syncwarp(0xffff0000u);
  }
  out[lane] = sum;
}

TEST(LanguageTest, DivergedHalvesOfAWarpMeetApart) {
  ForEachOrder([] {
    const std::vector<int> out = RunBlockOf<DivergedKernel>(32, 32);
    for (int lane = 0; lane < 32; ++lane) EXPECT_EQ(out[lane], lane < 16 ? 120 : 376);
  });
}

__global__ void BarrierVoteKernel(int* out) {
  const int thread = static_cast<int>(threadIdx.x);
  if (thread >= 70) return;  // barriers do not wait for threads that have returned
  const int count = __syncthreads_count(thread % 7 == 0);
  const int all = __syncthreads_and(thread < 70);
  const int not_all = __syncthreads_and(thread != 69);
  const int any = __syncthreads_or(thread == 69);
  const int none = __syncthreads_or(0);
  out[thread] = count * 10000 + all * 1000 + not_all * 100 + any * 10 + none;
}

TEST(LanguageTest, BarriersVoteAmongThreadsThatHaveNotReturned) {
  ForEachOrder([] { EXPECT_THAT(RunBlockOf<BarrierVoteKernel>(96, 70), Each(10 * 10000 + 1010)); });
}

// A sum in shared memory, halved at each step.
__global__ void TreeSumKernel(int* out) {
  KVSCOPE_DYNAMIC_SHARED(int, partial);
  partial[threadIdx.x] = static_cast<int>(threadIdx.x);
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];
  }
  if (threadIdx.x == 0) out[blockIdx.x] = partial[0];
}

TEST(LanguageTest, BarriersOrderSharedMemory) {
  ForEachOrder([] {
    DeviceArray<int> out(3);
    EXPECT_CUDA_OK(Launch<TreeSumKernel>(dim3(3), dim3(1024), 4096, nullptr, out.data()));
    EXPECT_THAT(out.ToHost(), Each(1023 * 512));
  });
}

__global__ void NeighbourKernel(int* out) {
  KVSCOPE_SHARED(int, values, 32);
  for (int round = 0; round < 3; ++round) {
    values[threadIdx.x] = static_cast<int>(threadIdx.x) + 100 * round;
    __syncwarp();
    out[threadIdx.x] = values[(threadIdx.x + 1) % 32];
    __syncwarp();
  }
}

TEST(LanguageTest, SyncwarpOrdersSharedMemory) {
  ForEachOrder([] {
    const std::vector<int> out = RunBlockOf<NeighbourKernel>(32, 32);
    for (int lane = 0; lane < 32; ++lane) EXPECT_EQ(out[lane], (lane + 1) % 32 + 200);
  });
}

__global__ void AtomicKernel(int* out, float* sum, double* wide_sum, unsigned long long* bits) {
  const int thread = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&out[0], 1);
  atomicSub(&out[1], 1);
  atomicMax(&out[2], thread);
  atomicMin(&out[3], -thread);
  atomicOr(&out[4], 1 << thread % 8);
  atomicAnd(&out[5], ~(1 << thread % 8));
  atomicXor(&out[6], 1 << thread % 8);
  if (atomicCAS(&out[7], 0, 42) == 0) atomicExch(&out[8], 7);
  atomicAdd(sum, 0.5f);
  atomicAdd(wide_sum, 0.25);
  atomicAdd(bits, 1ull << 40);
}

TEST(LanguageTest, AtomicsLoseNothing) {
  ForEachOrder([] {
    DeviceArray<int> out(std::vector<int>{0, 0, 0, 0, 0, 0xff, 0, 0, 0});
    DeviceArray<float> sum(std::vector<float>{0.0f});
    DeviceArray<double> wide_sum(std::vector<double>{0.0});
    DeviceArray<unsigned long long> bits(std::vector<unsigned long long>{0});
    EXPECT_CUDA_OK(Launch<AtomicKernel>(dim3(4), dim3(96), 0, nullptr, out.data(), sum.data(),
                                        wide_sum.data(), bits.data()));
    EXPECT_THAT(out.ToHost(), ElementsAre(384, -384, 383, -383, 0xff, 0, 0, 42, 7));
    EXPECT_THAT(sum.ToHost(), ElementsAre(192.0f));
    EXPECT_THAT(wide_sum.ToHost(), ElementsAre(96.0));
    EXPECT_THAT(bits.ToHost(), ElementsAre(384ull << 40));
  });
}

__global__ void UnwrittenSharedKernel(int* out) {
  KVSCOPE_SHARED(float, declared, 4);
  KVSCOPE_DYNAMIC_SHARED(float, dynamic);
  out[blockIdx.x] = isnan(declared[3]) && isnan(dynamic[7]);
  __syncthreads();
  declared[3] = dynamic[7] = 1.0f;
}

TEST(LanguageTest, EveryBlockFindsNanInSharedMemory) {
  ForEachOrder([] {
    DeviceArray<int> out(3);
    EXPECT_CUDA_OK(Launch<UnwrittenSharedKernel>(dim3(3), dim3(1), 32, nullptr, out.data()));
    EXPECT_THAT(out.ToHost(), Each(1));
  });
}

__global__ void BitsKernel(int* out) {
  const int found[] = {__popc(0xf0f0u),    __popcll(1ull << 63),
                       __clz(1),           __clz(0),
                       __clzll(1ll << 40), __ffs(8),
                       __ffs(0),           min(3, 2),
                       max(3, 2)};
  for (int i = 0; i < 9; ++i) out[i] = found[i];
  out[9] = __float_as_int(1.0f) == 0x3f800000 && __int_as_float(0x3f800000) == 1.0f;
  out[10] = __saturatef(NAN) == 0.0f && __saturatef(2.0f) == 1.0f && __saturatef(0.5f) == 0.5f;
  out[11] = max(NAN, 1.0f) == 1.0f && min(1.0f, NAN) == 1.0f && rsqrtf(4.0f) == 0.5f;
}

// CUDA Math API: "Integer Intrinsics", "Single Precision Intrinsics".
TEST(LanguageTest, IntrinsicsGiveKnownAnswers) {
  EXPECT_THAT(RunBlockOf<BitsKernel>(1, 12), ElementsAre(8, 1, 31, 32, 23, 4, 0, 2, 3, 1, 1, 1));
}

template <class T, int kScale>
__global__ void NamedKernel(T* out) {
  __syncthreads();
  __syncwarp();
  out[threadIdx.x] = kScale;
}

TEST(LanguageTest, CountsWhatAKernelDoes) {
  simt::ResetCounters();
  DeviceArray<int> out(64);
  for (int i = 0; i < 2; ++i) {
    EXPECT_CUDA_OK((Launch<NamedKernel<int, 2>>(dim3(3), dim3(64), 0, nullptr, out.data())));
  }
  EXPECT_CUDA_OK(cudaDeviceSynchronize());
  ASSERT_EQ(simt::Counters().size(), 1u);
  const auto& [name, counters] = *simt::Counters().begin();
  EXPECT_EQ(name, "NamedKernel<int, 2>");
  EXPECT_EQ(counters.launches, 2u);
  EXPECT_EQ(counters.blocks, 6u);
  EXPECT_EQ(counters.threads, 384u);
  EXPECT_EQ(counters.barriers, 384u);
  EXPECT_EQ(counters.warp_collectives, 384u);
}

}  // namespace
}  // namespace kvscope
