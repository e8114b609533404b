// The device's embedding, SwiGLU, residual sum and greedy choice against their CPU twins.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/reference.h"
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/embedding.h"
#include "kernels/dequantize.h"

namespace kvscope {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

class RowKernelsTest : public DeviceTest {
 protected:
  std::vector<float> Random(size_t n, float scale = 1.0f) {
    std::normal_distribution<float> normal(0.0f, scale);
    std::vector<float> values(n);
    for (float& value : values) value = normal(random_);
    return values;
  }
  std::mt19937 random_{13};
};

std::vector<__nv_bfloat16> Narrow(const std::vector<float>& values) {
  std::vector<__nv_bfloat16> narrow;
  for (const float value : values) narrow.push_back(__float2bfloat16(value));
  return narrow;
}

std::vector<float> Widen(const std::vector<__nv_bfloat16>& values) {
  std::vector<float> wide;
  for (const __nv_bfloat16 value : values) wide.push_back(__bfloat162float(value));
  return wide;
}

TEST_F(RowKernelsTest, SwiGluAgreesWithTheCpu) {
  for (const size_t n : {1, 255, 1000}) {
    std::vector<float> gate = Random(n, 4.0f), up = Random(n);
    gate[0] = -100;  // exp(100) is beyond float: silu is -0
    std::vector<float> expected = gate;
    SwiGlu(expected.data(), up.data(), n);
    ForEachOrder([&] {
      DeviceArray<float> device_gate(gate), device_up(up);
      EXPECT_CUDA_OK(SwiGluOnDevice(device_gate.data(), device_up.data(), n, nullptr));
      const std::vector<float> found = device_gate.ToHost();
      // Two exponentials, each within 2 units of the last place, and four operations.
      for (size_t i = 0; i < n; ++i)
        ASSERT_NEAR(found[i], expected[i], 1e-6f * std::abs(expected[i]) + 1e-30f) << i;
    });
  }
}

TEST_F(RowKernelsTest, SwiGluRoundsOnceToBFloat16) {
  const std::vector<__nv_bfloat16> gate = Narrow(Random(300, 4.0f)), up = Narrow(Random(300));
  std::vector<float> expected = Widen(gate);
  SwiGlu(expected.data(), Widen(up).data(), 300);
  DeviceArray<__nv_bfloat16> device_gate(gate), device_up(up);
  EXPECT_CUDA_OK(SwiGluOnDevice(device_gate.data(), device_up.data(), 300, nullptr));
  const std::vector<float> found = Widen(device_gate.ToHost());
  for (size_t i = 0; i < 300; ++i) ASSERT_NEAR(found[i], expected[i], 0x1p-8f * std::abs(expected[i])) << i;
}

TEST_F(RowKernelsTest, AddToAgreesWithTheCpuToTheBit) {
  const std::vector<float> x = Random(777), y = Random(777);
  std::vector<float> expected = x;
  AddTo(expected.data(), y.data(), expected.size());
  ForEachOrder([&] {
    DeviceArray<float> device_x(x), device_y(y);
    EXPECT_CUDA_OK(AddToOnDevice(device_x.data(), device_y.data(), x.size(), nullptr));
    EXPECT_EQ(device_x.ToHost(), expected);
  });
}

TEST_F(RowKernelsTest, ElementwiseRefusesNullPointers) {
  DeviceArray<float> x(4);
  EXPECT_EQ(AddToOnDevice<float>(x.data(), nullptr, 4, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(AddToOnDevice<float>(nullptr, x.data(), 4, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(SwiGluOnDevice<float>(nullptr, x.data(), 4, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(AddToOnDevice<float>(nullptr, nullptr, 0, nullptr), cudaSuccess);
}

int ArgMax(const std::vector<float>& x) {
  DeviceArray<float> device(x);
  DeviceArray<int> out(1);
  EXPECT_CUDA_OK(ArgMaxFiniteOnDevice(device.data(), 1, x.size(), out.data(), nullptr));
  return out.ToHost().front();
}

TEST_F(RowKernelsTest, ArgMaxTakesTheSmallestIndexOfEquals) {
  ForEachOrder([&] {
    EXPECT_EQ(ArgMax({7}), 0);
    EXPECT_EQ(ArgMax({-3, -1, -2}), 1);
    EXPECT_EQ(ArgMax(std::vector<float>(1000, -2)), 0);
    std::vector<float> x = Random(1000);
    x[37] = x[613] = x[999] = 9;  // in three warps
    EXPECT_EQ(ArgMax(x), 37);
    x[5] = std::numeric_limits<float>::max();
    EXPECT_EQ(ArgMax(x), 5);
    EXPECT_EQ(ArgMax({-std::numeric_limits<float>::max()}), 0);
  });
}

TEST_F(RowKernelsTest, ArgMaxOfAnyThingNotFiniteIsNone) {
  ForEachOrder([&] {
    for (const float bad : {kNaN, kInfinity, -kInfinity}) {
      for (const size_t at : {0, 300, 999}) {
        std::vector<float> x(1000, 1.0f);
        x[at] = bad;
        EXPECT_EQ(ArgMax(x), -1) << bad << " at " << at;
      }
    }
  });
}

TEST_F(RowKernelsTest, ArgMaxAgreesWithTheCpuRowByRow) {
  const std::vector<float> x = Random(3 * 401);
  ForEachOrder([&] {
    DeviceArray<float> device(x);
    DeviceArray<int> out(3);
    EXPECT_CUDA_OK(ArgMaxFiniteOnDevice(device.data(), 3, 401, out.data(), nullptr));
    for (size_t r = 0; r < 3; ++r)
      EXPECT_EQ(out.ToHost()[r], ArgMaxFinite(std::span(x).subspan(r * 401, 401)));
  });
}

TEST_F(RowKernelsTest, ArgMaxRefusesWrongParameters) {
  DeviceArray<float> x(4);
  DeviceArray<int> out(1);
  EXPECT_EQ(ArgMaxFiniteOnDevice(nullptr, 1, 4, out.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(ArgMaxFiniteOnDevice(x.data(), 1, 4, nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(ArgMaxFiniteOnDevice(x.data(), 1, 0, out.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(ArgMaxFiniteOnDevice(nullptr, 0, 4, nullptr, nullptr), cudaSuccess);
}

TEST_F(RowKernelsTest, EmbeddingHasTheBitsOfDequantizeRow) {
  const std::vector<int> tokens = {4, 0, 4, 2};
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    SCOPED_TRACE(std::string(Name(dtype)));
    const RandomMatrix stored(random_, dtype, 5, 160);
    std::vector<float> expected(tokens.size() * 160);
    for (size_t t = 0; t < tokens.size(); ++t) {
      DequantizeRow(dtype, stored.matrix.row(static_cast<size_t>(tokens[t])), 160, &expected[t * 160]);
    }
    ForEachOrder([&] {
      DeviceArray<std::byte> bytes(stored.bytes);
      DeviceArray<int> ids(tokens);
      WeightMatrix table = stored.matrix;
      table.data = bytes.data();
      DeviceArray<float> out(expected.size());
      EXPECT_CUDA_OK(EmbedOnDevice(table, ids.data(), tokens.size(), out.data(), nullptr));
      ASSERT_EQ(out.ToHost(), expected);
      DeviceArray<__nv_bfloat16> narrow(expected.size());
      EXPECT_CUDA_OK(EmbedOnDevice(table, ids.data(), tokens.size(), narrow.data(), nullptr));
      ASSERT_EQ(Widen(narrow.ToHost()), Widen(Narrow(expected)));
    });
  }
}

TEST_F(RowKernelsTest, EmbeddingRefusesWrongParameters) {
  DeviceArray<float> data(32);
  DeviceArray<int> ids(1);
  const WeightMatrix good{DType::kF32, 1, 32, reinterpret_cast<std::byte*>(data.data())};
  WeightMatrix bad = good;
  bad.data = nullptr;
  EXPECT_EQ(EmbedOnDevice(bad, ids.data(), 1, data.data(), nullptr), cudaErrorInvalidValue);
  bad = good;
  bad.dtype = DType::kQ8_0;
  bad.columns = 31;
  EXPECT_EQ(EmbedOnDevice(bad, ids.data(), 1, data.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(EmbedOnDevice<float>(good, ids.data(), 1, nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(EmbedOnDevice(good, nullptr, 1, data.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(EmbedOnDevice<float>(good, nullptr, 0, nullptr, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
