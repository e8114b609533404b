// Products on tensor cores against double precision over the same rounded factors.
#include "kernels/cuda/tensor_matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/reference.h"
#include "kernels/cuda/cache_testing.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/dequantize.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

float RoundedToBF16(float value) { return BF16ToF32(F32ToBF16(value)); }

class TensorMatMulTest : public DeviceTest {
 protected:
  std::mt19937 random_{41};
};

std::vector<float> OnDevice(const RandomMatrix& stored, const std::vector<float>& x, size_t tokens) {
  DeviceArray<std::byte> bytes(stored.bytes);
  DeviceArray<float> device_x(x);
  DeviceArray<__nv_bfloat16> rounded(x.size());
  DeviceArray<float> y(tokens * stored.matrix.rows);
  WeightMatrix w = stored.matrix;
  w.data = bytes.data();
  EXPECT_CUDA_OK(RoundOnDevice(device_x.data(), x.size(), rounded.data(), nullptr));
  EXPECT_CUDA_OK(TensorMatMulOnDevice(w, rounded.data(), tokens, y.data(), nullptr));
  return y.ToHost();
}

// Factors are exact in double; float sums of n products of a magnitude err by n roundings of it at most, and
// by far less in the mean. A tensor core may cut off instead of rounding: twice that.
void ExpectProducts(const RandomMatrix& stored, const std::vector<float>& x,
                    const std::vector<float>& found) {
  const size_t columns = stored.matrix.columns, rows = stored.matrix.rows;
  std::vector<float> row(columns);
  for (size_t r = 0; r < rows; ++r) {
    DequantizeRow(stored.matrix.dtype, stored.matrix.row(r), columns, row.data());
    for (size_t t = 0; t < x.size() / columns; ++t) {
      double sum = 0, magnitude = 0;
      for (size_t k = 0; k < columns; ++k) {
        const double product = double{RoundedToBF16(row[k])} * RoundedToBF16(x[t * columns + k]);
        sum += product;
        magnitude += std::abs(product);
      }
      const double tolerance = 2 * static_cast<double>(columns) * 0x1p-24 * magnitude;
      ASSERT_NEAR(found[t * rows + r], sum, tolerance) << "row " << r << ", token " << t;
    }
  }
}

TEST_F(TensorMatMulTest, AgreesWithDoubleLoops) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    // Rows and columns that fill their tiles, and that do not; both kinds of launches and their ends.
    for (const auto& [rows, columns, tokens] :
         {std::tuple<size_t, size_t, size_t>{32, 64, 8}, {50, 96, 1}, {70, 160, 70}}) {
      SCOPED_TRACE(std::string(Name(dtype)) + ", tokens " + std::to_string(tokens));
      const RandomMatrix stored(random_, dtype, rows, columns);
      const std::vector<float> x = NormalFloats(random_, tokens * columns);
      ForEachOrder([&] { ExpectProducts(stored, x, OnDevice(stored, x, tokens)); });
    }
  }
}

TEST_F(TensorMatMulTest, ColumnsNeedNotFillARun) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const RandomMatrix stored(random_, dtype, 17, 72);
    const std::vector<float> x = NormalFloats(random_, 3 * 72);
    ExpectProducts(stored, x, OnDevice(stored, x, 3));
  }
}

// Also between the launch for few tokens and that for many.
TEST_F(TensorMatMulTest, ATokensResultDoesNotDependOnTheOthers) {
  const RandomMatrix stored(random_, DType::kQ4_1, 40, 192);
  const std::vector<float> x = NormalFloats(random_, 65 * 192);
  const std::vector<float> together = OnDevice(stored, x, 65);
  for (const size_t t : {size_t{0}, size_t{9}, size_t{64}}) {
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(t * 192);
    const std::vector<float> alone = OnDevice(stored, std::vector<float>(begin, begin + 192), 1);
    for (size_t r = 0; r < 40; ++r) ASSERT_EQ(alone[r], together[t * 40 + r]);
  }
}

TEST_F(TensorMatMulTest, RefusesWrongParameters) {
  DeviceArray<float> weights(64 * 64), y(64);
  DeviceArray<__nv_bfloat16> x(64);
  const WeightMatrix good{DType::kF32, 8, 64, reinterpret_cast<std::byte*>(weights.data())};
  const auto with = [&](auto change) {
    WeightMatrix w = good;
    change(w);
    return TensorMatMulOnDevice(w, x.data(), 1, y.data(), nullptr);
  };
  EXPECT_EQ(with([](auto& w) { w.data = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.data += 4; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.rows = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.columns = 60; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.dtype = DType::kQ4_0, w.columns = 40; }), cudaErrorInvalidValue);
  EXPECT_EQ(TensorMatMulOnDevice(good, x.data() + 1, 1, y.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(TensorMatMulOnDevice(good, nullptr, 1, y.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(TensorMatMulOnDevice(good, x.data(), 1, nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(TensorMatMulOnDevice(good, nullptr, 0, nullptr, nullptr), cudaSuccess);
  EXPECT_EQ(RoundOnDevice(nullptr, 1, x.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(RoundOnDevice(nullptr, 0, nullptr, nullptr), cudaSuccess);
}

}  // namespace
}  // namespace kvscope
