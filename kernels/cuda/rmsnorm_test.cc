// The device's RMSNorm against its CPU twin.
#include "kernels/cuda/rmsnorm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "kernels/cpu/elementwise.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/half.h"
#if defined(KVSCOPE_DEVICE_EMULATED)
#include "kernels/simt/counters.h"
#endif

namespace kvscope {
namespace {

constexpr float kEps = 1e-5f;

// T's value nearest to `value`, and back.
template <class T>
T Narrow(float value) {
  return T(value);
}
float Widen(float value) { return value; }
float Widen(__nv_bfloat16 value) { return __bfloat162float(value); }

// Both sum the squares in float, in orders of their own. An error of the sum by a fraction e is one of e / 2
// in the result; e is at most columns * 2^-24, and for sums of random errors about its root. To that the
// output's rounding.
template <class T>
float RelativeTolerance(size_t columns) {
  const float sum = std::sqrt(static_cast<float>(columns)) * 0x1p-24f;
  const float output = std::is_same_v<T, float> ? 4 * 0x1p-24f : 0x1p-8f;
  return sum + output;
}

template <class T>
class RmsNormTest : public DeviceTest {
 protected:
  // Normal values times `scale`, as T holds them.
  std::vector<T> Random(size_t n, float scale) {
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<T> values(n);
    for (T& value : values) value = Narrow<T>(normal(random_));
    return values;
  }

  std::vector<float> RandomWeight(size_t columns) {
    std::normal_distribution<float> normal(1.0f, 0.5f);
    std::vector<float> weight(columns);
    for (float& w : weight) w = normal(random_);
    return weight;
  }

  std::mt19937 random_{7};
};

using Types = testing::Types<float, __nv_bfloat16>;
TYPED_TEST_SUITE(RmsNormTest, Types);

template <class T>
std::vector<T> OnDevice(const std::vector<T>& x, const std::vector<float>& weight, float eps) {
  const size_t columns = weight.size();
  DeviceArray<T> device_x(x);
  DeviceArray<float> device_weight(weight);
  DeviceArray<T> out(x.size());
  EXPECT_CUDA_OK(RmsNormOnDevice<T>(
      {device_x.data(), device_weight.data(), out.data(), x.size() / columns, columns, eps}, nullptr));
  return out.ToHost();
}

template <class T>
void ExpectTwin(const std::vector<T>& found, const std::vector<T>& x, const std::vector<float>& weight) {
  const size_t columns = weight.size();
  std::vector<float> row(columns);
  std::vector<float> expected(columns);
  for (size_t r = 0; r < x.size() / columns; ++r) {
    for (size_t i = 0; i < columns; ++i) row[i] = Widen(x[r * columns + i]);
    RmsNorm(row.data(), weight.data(), columns, kEps, expected.data());
    for (size_t i = 0; i < columns; ++i) {
      const float tolerance = RelativeTolerance<T>(columns) * std::abs(expected[i]);
      // Fails on NaN.
      ASSERT_NEAR(Widen(found[r * columns + i]), expected[i], tolerance) << "row " << r << ", column " << i;
    }
  }
}

TYPED_TEST(RmsNormTest, AgreesWithTheCpu) {
  // One element; less than a warp; one more and one less than the block's threads; a model's width; none a
  // multiple.
  for (const size_t columns : {1, 31, 255, 257, 576, 4096, 5000}) {
    SCOPED_TRACE(columns);
    const std::vector<float> weight = this->RandomWeight(columns);
    const std::vector<TypeParam> x = this->Random(3 * columns, 2.0f);
    ForEachOrder([&] { ExpectTwin(OnDevice(x, weight, kEps), x, weight); });
  }
}

TYPED_TEST(RmsNormTest, OutliersAndTinyValuesAgreeWithTheCpu) {
  const std::vector<float> weight = this->RandomWeight(1024);
  for (const float scale : {1e-12f, 1e12f}) {
    std::vector<TypeParam> x = this->Random(1024, scale);
    x[700] = Narrow<TypeParam>(1000 * scale);
    ForEachOrder([&] { ExpectTwin(OnDevice(x, weight, kEps), x, weight); });
  }
}

TYPED_TEST(RmsNormTest, KnownAnswer) {
  // Mean square of (3, -4) with no eps is 12.5; of zeros it is 0, and eps keeps 0 / 0 away.
  const std::vector<TypeParam> x = {Narrow<TypeParam>(3.0f), Narrow<TypeParam>(-4.0f)};
  const std::vector<TypeParam> found = OnDevice(x, {1.0f, 2.0f}, 0.0f);
  EXPECT_NEAR(Widen(found[0]), 3 / std::sqrt(12.5), 3 * RelativeTolerance<TypeParam>(2));
  EXPECT_NEAR(Widen(found[1]), -8 / std::sqrt(12.5), 3 * RelativeTolerance<TypeParam>(2));
  const std::vector<TypeParam> zeros(8, Narrow<TypeParam>(0.0f));
  for (const TypeParam& value : OnDevice(zeros, std::vector<float>(8, 1.0f), kEps))
    EXPECT_EQ(Widen(value), 0.0f);
}

TYPED_TEST(RmsNormTest, RowsAreIndependentAndOrdersAgreeToTheBit) {
  const std::vector<float> weight = this->RandomWeight(300);
  const std::vector<TypeParam> x = this->Random(4 * 300, 1.0f);
  const std::vector<TypeParam> all = OnDevice(x, weight, kEps);
  ForEachOrder([&] {
    for (size_t r = 0; r < 4; ++r) {
      const auto row = x.begin() + static_cast<std::ptrdiff_t>(r * 300);
      const std::vector<TypeParam> alone = OnDevice(std::vector<TypeParam>(row, row + 300), weight, kEps);
      for (size_t i = 0; i < 300; ++i) ASSERT_EQ(Widen(alone[i]), Widen(all[r * 300 + i]));
    }
  });
}

TYPED_TEST(RmsNormTest, WorksInPlace) {
  const std::vector<float> weight = this->RandomWeight(700);
  const std::vector<TypeParam> x = this->Random(2 * 700, 1.0f);
  DeviceArray<float> device_weight(weight);
  ForEachOrder([&] {
    DeviceArray<TypeParam> data(x);
    EXPECT_CUDA_OK(
        RmsNormOnDevice<TypeParam>({data.data(), device_weight.data(), data.data(), 2, 700, kEps}, nullptr));
    ExpectTwin(data.ToHost(), x, weight);
  });
}

TYPED_TEST(RmsNormTest, RefusesWrongParameters) {
  DeviceArray<TypeParam> x(8);
  DeviceArray<float> weight(8);
  const RmsNormParams<TypeParam> good{x.data(), weight.data(), x.data(), 1, 8, kEps};
  const auto with = [&](auto change) {
    RmsNormParams<TypeParam> params = good;
    change(params);
    return RmsNormOnDevice(params, nullptr);
  };
  EXPECT_EQ(with([](auto& p) { p.x = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.weight = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.out = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.columns = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.rows = size_t{1} << 31; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.eps = -1.0f; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.eps = std::numeric_limits<float>::quiet_NaN(); }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& p) { p.rows = 0; }), cudaSuccess);
}

#if defined(KVSCOPE_DEVICE_EMULATED)
// Reads each row twice and the weight once for each row, writes each row: the bytes of a roofline without
// caches.
TYPED_TEST(RmsNormTest, LoadsAndStoresWhatTheFormulaSays) {
  if (!simt::CountsAccesses()) GTEST_SKIP() << "only the counted build counts loads and stores";
  constexpr size_t kRows = 3;
  constexpr size_t kColumns = 1000;
  simt::ResetCounters();
  OnDevice(this->Random(kRows * kColumns, 1.0f), this->RandomWeight(kColumns), kEps);
  ASSERT_EQ(simt::Counters().size(), 1u);
  const simt::KernelCounters& counters = simt::Counters().begin()->second;
  EXPECT_EQ(counters.global_load_bytes, kRows * kColumns * (2 * sizeof(TypeParam) + sizeof(float)));
  EXPECT_EQ(counters.global_store_bytes, kRows * kColumns * sizeof(TypeParam));
  // A block of 256 threads: 8 warps write their sums, and 8 lanes of each warp read them.
  EXPECT_EQ(counters.shared_store_bytes, kRows * 8 * sizeof(float));
  EXPECT_EQ(counters.shared_load_bytes, kRows * 8 * 8 * sizeof(float));
}
#endif

}  // namespace
}  // namespace kvscope
