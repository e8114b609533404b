// The device's products against their CPU twin, to the bit.
#include "kernels/cuda/matmul.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/matmul.h"
#include "kernels/cpu/reference.h"
#include "kernels/cuda/device_testing.h"
#if defined(KVSCOPE_DEVICE_EMULATED)
#include "kernels/simt/counters.h"
#endif

namespace kvscope {
namespace {

class MatMulTest : public DeviceTest {
 protected:
  std::mt19937 random_{11};
};

std::vector<float> OnDevice(const RandomMatrix& stored, const std::vector<float>& x) {
  DeviceArray<std::byte> bytes(stored.bytes);
  DeviceArray<float> device_x(x);
  const size_t tokens = x.size() / stored.matrix.columns;
  DeviceArray<float> y(tokens * stored.matrix.rows);
  WeightMatrix w = stored.matrix;
  w.data = bytes.data();
  EXPECT_CUDA_OK(MatMulOnDevice(w, device_x.data(), tokens, y.data(), nullptr));
  return y.ToHost();
}

// The CPU's rows of activations are padded with zeros.
std::vector<float> OnCpu(const RandomMatrix& stored, const std::vector<float>& x) {
  const size_t columns = stored.matrix.columns, tokens = x.size() / columns, stride = PaddedColumns(columns);
  AlignedVector<float> padded(tokens * stride);
  for (size_t t = 0; t < tokens; ++t) std::copy_n(&x[t * columns], columns, &padded[t * stride]);
  std::vector<float> y(tokens * stored.matrix.rows);
  ThreadPool pool(1);
  MatMul(stored.matrix, padded.data(), stride, tokens, y.data(), stored.matrix.rows, pool);
  return y;
}

TEST_F(MatMulTest, AgreesWithTheCpuToTheBit) {
  for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    SCOPED_TRACE(std::string(Name(dtype)));
    // Rows that do not fill a block of threads, columns that do not fill the lanes, tokens that do not fill a
    // tile.
    const RandomMatrix stored(random_, dtype, 19, BlockElements(dtype) == 1 ? 41 : 96);
    for (const size_t tokens : {1, 9}) {
      const AlignedVector<float> random = RandomFloats(random_, tokens * stored.matrix.columns);
      const std::vector<float> x(random.begin(), random.end()), expected = OnCpu(stored, x);
      ForEachOrder([&] { ASSERT_EQ(OnDevice(stored, x), expected); });
    }
  }
}

TEST_F(MatMulTest, RefusesWrongParameters) {
  DeviceArray<float> array(64);
  const WeightMatrix good{DType::kF32, 8, 8, reinterpret_cast<std::byte*>(array.data())};
  const auto with = [&](auto change) {
    WeightMatrix w = good;
    change(w);
    return MatMulOnDevice(w, array.data(), 1, array.data(), nullptr);
  };
  EXPECT_EQ(with([](auto& w) { w.data = nullptr; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.rows = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.columns = 0; }), cudaErrorInvalidValue);
  EXPECT_EQ(with([](auto& w) { w.dtype = DType::kQ4_0; }), cudaErrorInvalidValue);  // blocks of 32
  EXPECT_EQ(MatMulOnDevice(good, nullptr, 1, array.data(), nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(MatMulOnDevice(good, array.data(), 1, nullptr, nullptr), cudaErrorInvalidValue);
  EXPECT_EQ(MatMulOnDevice(good, nullptr, 0, nullptr, nullptr), cudaSuccess);
}

#if defined(KVSCOPE_DEVICE_EMULATED)
// The weights are read once for eight tokens.
TEST_F(MatMulTest, LoadsAndStoresWhatTheFormulaSays) {
  if (!simt::CountsAccesses()) GTEST_SKIP() << "only the counted build counts loads and stores";
  const RandomMatrix stored(random_, DType::kF32, 16, 64);
  simt::ResetCounters();
  OnDevice(stored, std::vector<float>(16 * 64));
  ASSERT_EQ(simt::Counters().size(), 1u);
  const simt::KernelCounters& counters = simt::Counters().begin()->second;
  const size_t weights = 16 * 64, tokens = 16, tiles = 2;
  EXPECT_EQ(counters.global_load_bytes, (tiles * weights + 16 * tokens * 64) * sizeof(float));
  EXPECT_EQ(counters.global_store_bytes, tokens * 16 * sizeof(float));
}
#endif

}  // namespace
}  // namespace kvscope
