// Bugs of kernels with tensor cores and asynchronous copies, seeded: each must be found, and the kernel
// without them must pass in every order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/tensor_core.cuh"

namespace kvscope {
namespace {

enum class Bug {
  kNone,
  kNoWait,             // copies are read before anybody waited for them
  kWaitsForTooFew,     // but the last group, which is read too
  kNoBarrier,          // other threads' copies are read
  kRowsOfWrongLanes,   // ldmatrix: the address of the row below
  kMatricesExchanged,  // ldmatrix: the second and third matrix of a
  kLanesExchanged,     // sums stored as if a lane held two rows in place of two columns
};

constexpr unsigned kRows = 16, kColumns = 8, kDepth = 16;
constexpr unsigned kThreads = 64;  // one warp starts the copies, the other multiplies

// out = a b, [kRows, kColumns]. a: [kRows, kDepth], b: [kColumns, kDepth].
template <Bug kBug>
__global__ void ProductKernel(const __nv_bfloat16* a, const __nv_bfloat16* b, float* out) {
  KVSCOPE_DYNAMIC_SHARED(__nv_bfloat16, tiles);
  __nv_bfloat16* const shared_b = tiles + kRows * kDepth;
  const unsigned lane = threadIdx.x % 32;
  if (threadIdx.x < 32) {
    StartCopy(tiles + 8 * lane, a + 8 * lane, true);
    CommitCopies();
    if (lane < 16) StartCopy(shared_b + 8 * lane, b + 8 * lane, true);
    CommitCopies();
    if (kBug == Bug::kWaitsForTooFew) {
      WaitForCopies<1>();
    } else if (kBug != Bug::kNoWait) {
      WaitForCopies<0>();
    }
  }
  if (kBug != Bug::kNoBarrier) __syncthreads();
  if (threadIdx.x < 32) return;
  unsigned row = lane % 16, column = lane / 16 * 8;
  if (kBug == Bug::kRowsOfWrongLanes) row = (row + 1) % 16;
  if (kBug == Bug::kMatricesExchanged) row = lane % 8 + lane / 16 * 8, column = lane / 8 % 2 * 8;
  uint32_t left[4], right[4];
  LoadMatrices(left, tiles + row * kDepth + column);
  // Two matrices: the other addresses are of the same rows.
  LoadMatrices(right, shared_b + lane % 8 * kDepth + lane / 8 % 2 * 8);
  float sums[4] = {};
  MultiplyAdd(sums, left, {right[0], right[1]});
  for (unsigned i = 0; i < 4; ++i) {
    unsigned r = lane / 4 + 8 * (i / 2), c = 2 * (lane % 4) + i % 2;
    if (kBug == Bug::kLanesExchanged) r = lane / 4 + 8 * (i % 2), c = 2 * (lane % 4) + i / 2;
    out[r * kColumns + c] = sums[i];
  }
}

// Small whole numbers: products and sums are exact.
float A(unsigned row, unsigned k) { return static_cast<float>(static_cast<int>((3 * row + 5 * k) % 11) - 5); }
float B(unsigned k, unsigned column) {
  return static_cast<float>(static_cast<int>((7 * k + 2 * column * k) % 13) - 6);
}

template <Bug kBug>
bool IsRight() {
  std::vector<__nv_bfloat16> a, b;
  for (unsigned i = 0; i < kRows * kDepth; ++i) a.push_back(__float2bfloat16(A(i / kDepth, i % kDepth)));
  for (unsigned i = 0; i < kColumns * kDepth; ++i) b.push_back(__float2bfloat16(B(i % kDepth, i / kDepth)));
  DeviceArray<__nv_bfloat16> device_a(a), device_b(b);
  DeviceArray<float> out(kRows * kColumns);
  EXPECT_CUDA_OK(Launch<ProductKernel<kBug>>(dim3(1), dim3(kThreads), 2 * (kRows + kColumns) * kDepth,
                                             nullptr, device_a.data(), device_b.data(), out.data()));
  const std::vector<float> found = out.ToHost();
  for (unsigned r = 0; r < kRows; ++r) {
    for (unsigned c = 0; c < kColumns; ++c) {
      float sum = 0;
      for (unsigned k = 0; k < kDepth; ++k) sum += A(r, k) * B(k, c);
      if (found[r * kColumns + c] != sum) return false;
    }
  }
  return true;
}

class TensorBugsTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
  void TearDown() override { simt::CurrentOptions() = before_; }

 private:
  const simt::Options before_ = simt::CurrentOptions();
};

template <Bug kBug>
bool IsRightIn(simt::Order order, uint64_t seed = 1) {
  simt::CurrentOptions().order = order;
  simt::CurrentOptions().seed = seed;
  return IsRight<kBug>();
}

template <Bug kBug>
int WrongSeedsOf20() {
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) wrong += IsRightIn<kBug>(simt::Order::kRandom, seed) ? 0 : 1;
  return wrong;
}

TEST_F(TensorBugsTest, WithoutABugItIsRightInEveryOrder) {
  EXPECT_TRUE(IsRightIn<Bug::kNone>(simt::Order::kForward));
  EXPECT_TRUE(IsRightIn<Bug::kNone>(simt::Order::kReverse));
  EXPECT_EQ(WrongSeedsOf20<Bug::kNone>(), 0);
}

// Where copies are carried out at once nothing shows; where late, always.
TEST_F(TensorBugsTest, MissingWaitIsWrongWhereCopiesAreLate) {
  EXPECT_FALSE(IsRightIn<Bug::kNoWait>(simt::Order::kForward));
  EXPECT_EQ(WrongSeedsOf20<Bug::kNoWait>(), 20);
  EXPECT_FALSE(IsRightIn<Bug::kWaitsForTooFew>(simt::Order::kForward));
  EXPECT_EQ(WrongSeedsOf20<Bug::kWaitsForTooFew>(), 20);
}

#if defined(__SANITIZE_THREAD__)
TEST_F(TensorBugsTest, MissingBarrierIsNamed) {
  EXPECT_EXIT(
      {
        IsRight<Bug::kNoBarrier>();
        std::exit(0);
      },
      testing::ExitedWithCode(66), "data race.*ProductKernel");
}
#else
TEST_F(TensorBugsTest, MissingBarrierIsWrongWhereReadersComeFirst) {
  EXPECT_FALSE(IsRightIn<Bug::kNoBarrier>(simt::Order::kReverse));
  EXPECT_GE(WrongSeedsOf20<Bug::kNoBarrier>(), 18);
}
#endif

TEST_F(TensorBugsTest, WrongFragmentsAreWrong) {
  EXPECT_FALSE(IsRight<Bug::kRowsOfWrongLanes>());
  EXPECT_FALSE(IsRight<Bug::kMatricesExchanged>());
  EXPECT_FALSE(IsRight<Bug::kLanesExchanged>());
}

__global__ void MisalignedCopyKernel(const float* from) {
  KVSCOPE_DYNAMIC_SHARED(float, to);
  StartCopy(to + 1, from, true);
}
__global__ void HostCopyKernel(const float* from) {
  KVSCOPE_DYNAMIC_SHARED(float, to);
  StartCopy(to, from, true);
}
__global__ void MisalignedMatrixKernel() {
  KVSCOPE_DYNAMIC_SHARED(float, from);
  uint32_t elements[4];
  LoadMatrices(elements, from + 1);
}
__global__ void HalfAWarpKernel() {
  KVSCOPE_DYNAMIC_SHARED(float, from);
  uint32_t elements[4];
  if (threadIdx.x < 16) LoadMatrices(elements, from);
}

TEST_F(TensorBugsTest, WrongAddressesAndWarpsAreReported) {
  DeviceArray<float> array(8);
  alignas(16) static float host[4];
  EXPECT_DEATH(EXPECT_CUDA_OK(Launch<MisalignedCopyKernel>(dim3(1), dim3(1), 64, nullptr, array.data())),
               "asynchronous copy at [^\n]*tensor_bugs_test\\.cc[^\n]*not both aligned to 16 bytes");
  EXPECT_DEATH(EXPECT_CUDA_OK(Launch<HostCopyKernel>(dim3(1), dim3(1), 64, nullptr, host)),
               "not from device memory to shared memory");
  EXPECT_DEATH(EXPECT_CUDA_OK(Launch<MisalignedMatrixKernel>(dim3(1), dim3(32), 64, nullptr)),
               "ldmatrix at [^\n]*not aligned to 16 bytes");
  EXPECT_DEATH(EXPECT_CUDA_OK(Launch<HalfAWarpKernel>(dim3(1), dim3(32), 64, nullptr)), "ldmatrix");
}

}  // namespace
}  // namespace kvscope
