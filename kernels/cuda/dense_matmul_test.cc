// Products of NVIDIA's library, or of its stand-in, against double precision.
#include "kernels/cuda/dense_matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "kernels/cpu/reference.h"
#include "kernels/cuda/cache_testing.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/dequantize.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

class DenseMatMulTest : public DeviceTest {
 protected:
  std::mt19937 random_{43};
  DenseMatMul products_;
};

TEST_F(DenseMatMulTest, AgreesWithDoubleLoops) {
  // No two sizes are equal: exchanged ones would not do.
  for (const auto& [rows, columns, tokens] : {std::tuple<size_t, size_t, size_t>{24, 40, 16}, {8, 64, 72}}) {
    const RandomMatrix stored(random_, DType::kBF16, rows, columns);
    std::vector<__nv_bfloat16> x;
    for (const float value : NormalFloats(random_, tokens * columns)) x.push_back(__float2bfloat16(value));
    DeviceArray<std::byte> bytes(stored.bytes), workspace(DenseMatMul::kWorkspaceBytes);
    DeviceArray<__nv_bfloat16> device_x(x);
    DeviceArray<float> y(tokens * rows);
    WeightMatrix w = stored.matrix;
    w.data = bytes.data();
    EXPECT_CUDA_OK(products_.Run(w, device_x.data(), tokens, y.data(), workspace.data(), nullptr));
    const std::vector<float> found = y.ToHost();
    std::vector<float> row(columns);
    for (size_t r = 0; r < rows; ++r) {
      DequantizeRow(DType::kBF16, stored.matrix.row(r), columns, row.data());
      for (size_t t = 0; t < tokens; ++t) {
        double sum = 0, magnitude = 0;
        for (size_t k = 0; k < columns; ++k) {
          const double product = double{row[k]} * __bfloat162float(x[t * columns + k]);
          sum += product;
          magnitude += std::abs(product);
        }
        ASSERT_NEAR(found[t * rows + r], sum, 2 * static_cast<double>(columns) * 0x1p-24 * magnitude);
      }
    }
  }
}

TEST_F(DenseMatMulTest, RefusesWrongParameters) {
  DeviceArray<float> memory(64 * 64);
  auto* const x = reinterpret_cast<__nv_bfloat16*>(memory.data());
  const WeightMatrix good{DType::kBF16, 8, 8, reinterpret_cast<std::byte*>(memory.data())};
  const auto with = [&](auto change) {
    WeightMatrix w = good;
    change(w);
    return products_.Run(w, x, 1, memory.data() + 512, memory.data() + 1024, nullptr);
  };
  EXPECT_EQ(with([](auto& w) { w.dtype = DType::kF16; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.data = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.columns = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(products_.Run(good, nullptr, 1, memory.data(), memory.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(products_.Run(good, x, 0, memory.data(), memory.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(products_.Run(good, x, 1, memory.data(), nullptr, nullptr), cudaErrorInvalidValue);
}

}  // namespace
}  // namespace kvscope
