// The fast path's products against plain loops, on every level that this machine has.
#include "kernels/cpu/packed_matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cpu/cpu_level.h"
#include "kernels/cpu/huge_buffer.h"
#include "kernels/cpu/reference.h"
#include "kernels/dequantize.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

constexpr DType kTypes[] = {DType::kQ4_1, DType::kQ4_0, DType::kQ8_0, DType::kBF16, DType::kF16, DType::kF32};
constexpr Pass kPasses[] = {Pass::kDecode, Pass::kPrefill};

// A random stored matrix and its packed form.
struct Packed {
  Packed(std::mt19937& random, DType dtype, size_t rows, size_t columns)
      : stored(random, dtype, rows, columns) {
    matrix = PackedShape(stored.matrix);
    buffer = HugeBuffer(matrix.bytes());
    PackPanels(stored.matrix, 0, matrix.panels(), buffer.data());
    matrix.data = buffer.data();
  }

  RandomMatrix stored;
  HugeBuffer buffer;
  PackedMatrix matrix;
};

// Row r as the products read it.
std::vector<double> Rounded(const ActivationRows& x, size_t r, ActivationForms forms) {
  const PanelInput input = x.input();
  std::vector<double> row(x.columns());
  for (size_t k = 0; k < row.size(); ++k) {
    const size_t at = r * input.columns + k;
    const size_t tile = r / kTileRows * input.columns / kTileColumns + k / kTileColumns;
    if (forms.bf16) {
      row[k] = BF16ToF32(input.halves[(tile * kTileRows + r % kTileRows) * kTileColumns + k % kTileColumns]);
    } else {
      row[k] = input.scale[at / kActivationBlock] *
               (input.q[r * input.q_stride + k] +
                (forms.int16 ? input.fine[r * input.q_stride + k] / 256.0 : 0.0));
    }
  }
  return row;
}

struct Sum {
  double value = 0;
  double size = 0;  // of the terms
};

Sum Multiply(const std::vector<float>& w, const std::vector<double>& x) {
  Sum sum;
  for (size_t k = 0; k < w.size(); ++k) {
    sum.value += w[k] * x[k];
    sum.size += std::fabs(w[k] * x[k]);
  }
  return sum;
}

class PackedMatMulTest : public testing::TestWithParam<CpuLevel> {
 protected:
  // Of one rounding of a sum's terms; tiles round quantized weights to bfloat16 besides.
  static double Tolerance(const PackedMatrix& w, Pass pass) {
    return TakesIntegers(w.type) && FormsFor(w, pass).bf16 ? 0x1p-9 : 2e-6;
  }

  ActivationRows Activations(size_t rows, size_t columns, ActivationForms forms) {
    ActivationRows x(columns);
    x.Resize(rows, forms);
    for (size_t t = 0; t < rows; ++t) x.Set(t, RandomFloats(random_, columns).data());
    return x;
  }

  const ScopedCpuLevel level_{GetParam()};
  std::mt19937 random_{20241220};
  ThreadPool pool_{2};
};

INSTANTIATE_TEST_SUITE_P(Levels, PackedMatMulTest, testing::ValuesIn(UsableLevels()),
                         [](const auto& param) { return std::string(Name(param.param)); });

TEST(PackedMatrix, KeepsTheNumbersOfTheFile) {
  std::mt19937 random(3);
  for (const DType dtype : kTypes) {
    constexpr size_t kRows = 37, kColumns = 96;
    const Packed w(random, dtype, kRows, kColumns);
    for (size_t r = 0; r < kRows; ++r) {
      std::vector<float> stored(kColumns), unpacked(kColumns);
      DequantizeRow(dtype, w.stored.matrix.row(r), kColumns, stored.data());
      if (dtype == DType::kF16 || dtype == DType::kF32)
        for (float& value : stored) value = BF16ToF32(F32ToBF16(value));
      UnpackRow(w.matrix, r, unpacked.data());
      ASSERT_EQ(unpacked, stored) << Name(dtype) << ", row " << r;
    }
  }
}

TEST_P(PackedMatMulTest, AgreesWithDoubleLoops) {
  for (const DType dtype : kTypes) {
    for (const auto& [rows, columns] : {std::pair<size_t, size_t>{1, 32}, {16, 64}, {37, 320}, {96, 576}}) {
      const Packed w(random_, dtype, rows, columns);
      for (const size_t tokens : {1, 7, 8, 21, 64}) {
        for (const Pass pass : kPasses) {
          const ActivationForms forms = FormsFor(w.matrix, pass);
          const ActivationRows x = Activations(tokens, columns, forms);
          const size_t stride = rows + 3;
          std::vector<float> y(tokens * stride, 7.0f);
          PackedMatMul({{{w.matrix, y.data(), stride}}}, x, tokens, pass, pool_);
          std::vector<float> row(columns);
          for (size_t r = 0; r < rows; ++r) {
            UnpackRow(w.matrix, r, row.data());
            for (size_t t = 0; t < tokens; ++t) {
              const Sum expected = Multiply(row, Rounded(x, t, forms));
              ASSERT_LE(std::fabs(y[t * stride + r] - expected.value),
                        Tolerance(w.matrix, pass) * expected.size)
                  << Name(dtype) << ' ' << rows << 'x' << columns << ", token " << t << " of " << tokens
                  << ", row " << r;
            }
          }
          for (size_t t = 0; t < tokens; ++t)
            for (size_t r = rows; r < stride; ++r) ASSERT_EQ(y[t * stride + r], 7.0f);
        }
      }
    }
  }
}

// bfloat16 weights whose columns are no whole number of anything.
TEST_P(PackedMatMulTest, TakesColumnsOfAnyNumber) {
  for (const size_t columns : {8, 40, 104}) {
    const Packed w(random_, DType::kBF16, 24, columns);
    for (const Pass pass : kPasses) {
      const ActivationForms forms = FormsFor(w.matrix, pass);
      const ActivationRows x = Activations(3, columns, forms);
      std::vector<float> y(3 * 24), row(columns);
      PackedMatMul({{{w.matrix, y.data(), 24}}}, x, 3, pass, pool_);
      for (size_t r = 0; r < 24; ++r) {
        UnpackRow(w.matrix, r, row.data());
        const Sum expected = Multiply(row, Rounded(x, 2, forms));
        ASSERT_LE(std::fabs(y[2 * 24 + r] - expected.value), 2e-6 * expected.size);
      }
    }
  }
}

TEST_P(PackedMatMulTest, ARowDoesNotDependOnOthersNorOnThreads) {
  constexpr size_t kColumns = 192, kTokens = 43;
  for (const DType dtype : kTypes) {
    const Packed first(random_, dtype, 80, kColumns), second(random_, DType::kQ8_0, 33, kColumns);
    for (const Pass pass : kPasses) {
      const ActivationForms forms = FormsFor(first.matrix, pass) | FormsFor(second.matrix, pass);
      const AlignedVector<float> rows = RandomFloats(random_, kTokens * kColumns);
      const auto multiply = [&](size_t from, size_t tokens, int threads) {
        ActivationRows x(kColumns);
        x.Resize(tokens, forms);
        for (size_t t = 0; t < tokens; ++t) x.Set(t, &rows[(from + t) * kColumns]);
        ThreadPool pool(threads);
        std::vector<float> y(tokens * 113);
        PackedMatMul({{{first.matrix, y.data(), 113}, {second.matrix, y.data() + 80, 113}}}, x, tokens, pass,
                     pool);
        return y;
      };
      const std::vector<float> together = multiply(0, kTokens, 3);
      for (const auto& [from, tokens] :
           {std::pair<size_t, size_t>{0, 1}, {5, 3}, {11, 8}, {42, 1}, {1, 33}}) {
        const std::vector<float> alone = multiply(from, tokens, 1);
        ASSERT_EQ(std::memcmp(alone.data(), &together[from * 113], alone.size() * sizeof(float)), 0)
            << Name(dtype) << ", " << tokens << " from " << from;
      }
    }
  }
}

TEST_P(PackedMatMulTest, SwiGluAgreesWithDoubleLoops) {
  constexpr size_t kColumns = 64, kTokens = 35;
  for (const size_t ffn : {32, 48, 96}) {
    const Packed gate(random_, DType::kQ4_1, ffn, kColumns), up(random_, DType::kQ8_0, ffn, kColumns);
    for (const Pass pass : kPasses) {
      const ActivationForms forms = FormsFor(gate.matrix, pass) | FormsFor(up.matrix, pass);
      const ActivationRows x = Activations(kTokens, kColumns, forms);
      ActivationRows out(ffn);
      out.Resize(kTokens, forms);
      PackedSwiGlu(gate.matrix, up.matrix, x, kTokens, pass, out, pool_);
      std::vector<float> row(kColumns);
      for (size_t t = 0; t < kTokens; ++t) {
        const std::vector<double> token = Rounded(x, t, forms), found = Rounded(out, t, forms);
        std::vector<double> expected;
        double largest = 0;
        for (size_t r = 0; r < ffn; ++r) {
          UnpackRow(gate.matrix, r, row.data());
          const double z = Multiply(row, token).value;
          UnpackRow(up.matrix, r, row.data());
          expected.push_back(z / (1 + std::exp(-z)) * Multiply(row, token).value);
          largest = std::max(largest, std::fabs(expected.back()));
        }
        for (size_t r = 0; r < ffn; ++r)
          ASSERT_LE(std::fabs(found[r] - expected[r]), largest / 50) << t << ' ' << r;
      }
    }
  }
}

TEST_P(PackedMatMulTest, ANumberThatIsNoneReachesTheProduct) {
  for (const DType dtype : {DType::kQ4_1, DType::kQ8_0, DType::kBF16}) {
    const Packed w(random_, dtype, 16, 64);
    for (const Pass pass : kPasses) {
      for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
        AlignedVector<float> row = RandomFloats(random_, 64);
        row[40] = bad;
        ActivationRows x(64);
        x.Resize(1, FormsFor(w.matrix, pass));
        x.Set(0, row.data());
        std::vector<float> y(16);
        PackedMatMul({{{w.matrix, y.data(), 16}}}, x, 1, pass, pool_);
        for (const float value : y) EXPECT_FALSE(std::isfinite(value)) << Name(dtype);
      }
    }
  }
}

// Integer sums are exact, and the float ones are made in the same order.
TEST(PackedMatMul, Avx2AndAvx512GiveTheSameBitsForQuantizedWeights) {
  if (DetectedLevel() < CpuLevel::kAvx512Vnni) GTEST_SKIP() << "this machine has one of the two at most";
  std::mt19937 random(5);
  ThreadPool pool(1);
  for (const DType dtype : {DType::kQ4_1, DType::kQ4_0, DType::kQ8_0}) {
    const Packed w(random, dtype, 48, 320);
    const AlignedVector<float> row = RandomFloats(random, 320);
    ActivationRows x(320);
    x.Resize(1, {.int16 = true});
    x.Set(0, row.data());
    std::vector<float> y[2] = {std::vector<float>(48), std::vector<float>(48)};
    for (int i = 0; i < 2; ++i) {
      const ScopedCpuLevel level(i == 0 ? CpuLevel::kAvx2 : CpuLevel::kAvx512Vnni);
      PackedMatMul({{{w.matrix, y[i].data(), 48}}}, x, 1, Pass::kDecode, pool);
    }
    EXPECT_EQ(y[0], y[1]) << Name(dtype);
  }
}

constexpr ActivationForms kForms[] = {{.int8 = true}, {.int16 = true}, {.bf16 = true}};

TEST(ActivationRows, RoundsToHalfAStepAtMost) {
  std::mt19937 random(7);
  constexpr size_t kColumns = 160, kRow = 17;
  const AlignedVector<float> row = RandomFloats(random, kColumns), weight = RandomFloats(random, kColumns);
  double squares = 0;
  for (const float value : row) squares += double{value} * value;
  const double scale = 1 / std::sqrt(squares / kColumns + 1e-5);
  for (const ActivationForms forms : kForms) {
    ActivationRows x(kColumns);
    x.Resize(kRow + 1, forms);
    x.SetRmsNorm(kRow, row.data(), weight.data(), 1e-5f);
    const std::vector<double> rounded = Rounded(x, kRow, forms);
    for (size_t k = 0; k < kColumns; ++k) {
      const double expected = row[k] * scale * weight[k];
      // A second byte stops at 127 of the 128 steps to the middle, where it is a step off.
      const double half_step = forms.bf16
                                   ? std::fabs(expected) * 0x1p-8
                                   : x.input().scale[(kRow * x.padded_columns() + k) / kActivationBlock] *
                                         (forms.int16 ? 1.0 / 256 : 0.5);
      EXPECT_LE(std::fabs(rounded[k] - expected), half_step * 1.002 + 1e-7);
    }
  }
}

TEST(ActivationRows, ABlockOfZerosIsZero) {
  const AlignedVector<float> zeros(64, 0.0f);
  for (const ActivationForms forms : kForms) {
    ActivationRows x(64);
    x.Resize(1, forms);
    x.Set(0, zeros.data());
    EXPECT_EQ(Rounded(x, 0, forms), std::vector<double>(64));
  }
}

TEST(HugeBuffer, IsZeroAndMoves) {
  HugeBuffer buffer(3'000'000);
  ASSERT_NE(buffer.data(), nullptr);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % (size_t{2} << 20), 0u);
  for (size_t i = 0; i < buffer.size(); i += 4096) ASSERT_EQ(buffer.data()[i], std::byte{0});
  buffer.data()[2'999'999] = std::byte{5};
  HugeBuffer moved = std::move(buffer);
  EXPECT_EQ(moved.data()[2'999'999], std::byte{5});
  EXPECT_EQ(HugeBuffer(0).data(), nullptr);
  EXPECT_THROW(HugeBuffer(SIZE_MAX / 2), std::bad_alloc);
}

}  // namespace
}  // namespace kvscope
