#include "kernels/dequantize.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/half.h"

namespace kvscope {
namespace {

TEST(F16, KnownValues) {  // IEEE 754-2008, binary16
  EXPECT_EQ(F16ToF32(0x3c00), 1.0f);
  EXPECT_EQ(F16ToF32(0xc000), -2.0f);
  EXPECT_EQ(F16ToF32(0x7bff), 65504.0f);
  EXPECT_EQ(F16ToF32(0x0400), 0x1p-14f);
  EXPECT_EQ(F16ToF32(0x0001), 0x1p-24f);
  EXPECT_EQ(F16ToF32(0x03ff), 0x1.ff8p-15f);
  EXPECT_TRUE(std::signbit(F16ToF32(0x8000)));
  EXPECT_EQ(F16ToF32(0xfc00), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(F16ToF32(0x7e01)));
}

TEST(F16, EveryValueSurvivesARoundTrip) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = F16ToF32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(F16ToF32(F32ToF16(value)))) << bits;
    } else {
      EXPECT_EQ(F32ToF16(value), bits) << bits;
    }
  }
}

// Between neighbours a and b the midpoint is exact in a float: it goes to the even one, and whatever lies
// beside it to the nearer one.
TEST(F16, RoundsToNearestTiesToEven) {
  for (uint32_t bits = 0; bits < 0x7bff; ++bits) {
    const float a = F16ToF32(static_cast<uint16_t>(bits));
    const float b = F16ToF32(static_cast<uint16_t>(bits + 1));
    const float middle = a + (b - a) / 2;
    EXPECT_EQ(F32ToF16(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    EXPECT_EQ(F32ToF16(std::nextafter(middle, 0.0f)), bits) << bits;
    EXPECT_EQ(F32ToF16(std::nextafter(middle, 1e9f)), bits + 1) << bits;
  }
  EXPECT_EQ(F32ToF16(65519.996f), 0x7bff);
  EXPECT_EQ(F32ToF16(65520.0f), 0x7c00);
  EXPECT_EQ(F32ToF16(-1e30f), 0xfc00);
  EXPECT_EQ(F32ToF16(0x1p-25f), 0x0000);
  EXPECT_EQ(F32ToF16(1e-30f), 0x0000);
}

TEST(BF16, RoundTripAndRounding) {
  for (uint32_t bits = 0; bits <= 0xffff; ++bits) {
    const float value = BF16ToF32(static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(BF16ToF32(F32ToBF16(value)))) << bits;
    } else {
      EXPECT_EQ(F32ToBF16(value), bits) << bits;
    }
  }
  EXPECT_EQ(F32ToBF16(1.0f + 0x1p-8f), 0x3f80);       // a tie, to even
  EXPECT_EQ(F32ToBF16(1.0f + 0x3p-8f), 0x3f82);       // a tie, to even
  EXPECT_EQ(F32ToBF16(1.0f + 0x1.0002p-8f), 0x3f81);  // just above
  EXPECT_EQ(F32ToBF16(std::numeric_limits<float>::max()), 0x7f80);
}

// A block whose scale is 0.5 (and minimum -1) and whose bytes count up.
std::vector<std::byte> Block(DType dtype) {
  std::vector<std::byte> block(BlockBytes(dtype));
  for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<std::byte>(i * 37 + 11);
  const auto put_f16 = [&](size_t at, float value) {
    const uint16_t bits = F32ToF16(value);
    block[at] = static_cast<std::byte>(bits & 0xff);
    block[at + 1] = static_cast<std::byte>(bits >> 8);
  };
  put_f16(0, 0.5f);
  if (dtype == DType::kQ4_1) put_f16(2, -1.0f);
  return block;
}

TEST(DequantizeRow, BlocksAsTheFormatsDefineThem) {
  std::array<float, 32> out;
  const auto q8 = Block(DType::kQ8_0);
  DequantizeRow(DType::kQ8_0, q8.data(), 32, out.data());
  for (size_t i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], 0.5f * static_cast<float>(std::to_integer<int8_t>(q8[2 + i])));
  const auto q4_0 = Block(DType::kQ4_0);
  DequantizeRow(DType::kQ4_0, q4_0.data(), 32, out.data());
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(out[i], 0.5f * (static_cast<float>(std::to_integer<int>(q4_0[2 + i]) % 16) - 8));
    EXPECT_EQ(out[i + 16], 0.5f * (static_cast<float>(std::to_integer<int>(q4_0[2 + i]) / 16) - 8));
  }
  const auto q4_1 = Block(DType::kQ4_1);
  DequantizeRow(DType::kQ4_1, q4_1.data(), 32, out.data());
  for (size_t i = 0; i < 16; ++i) {
    EXPECT_EQ(out[i], 0.5f * static_cast<float>(std::to_integer<int>(q4_1[4 + i]) % 16) - 1);
    EXPECT_EQ(out[i + 16], 0.5f * static_cast<float>(std::to_integer<int>(q4_1[4 + i]) / 16) - 1);
  }
}

TEST(DequantizeRow, ARowIsItsBlocksOneAfterAnother) {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    const auto block = Block(dtype);
    std::vector<std::byte> row(block);
    row.insert(row.end(), block.begin(), block.end());
    std::array<float, 64> out;
    DequantizeRow(dtype, row.data(), 64, out.data());
    for (size_t i = 0; i < 32; ++i) EXPECT_EQ(out[i], out[i + 32]) << Name(dtype);
    EXPECT_EQ(RowBytes(dtype, 64), row.size());
  }
}

TEST(RowIsFinite, FindsEveryKindOfBadNumber) {
  for (const float bad : {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    std::array<float, 7> f32{1, 2, 3, 4, 5, 6, 7};
    const auto* row = reinterpret_cast<const std::byte*>(f32.data());
    EXPECT_TRUE(RowIsFinite(DType::kF32, row, 7));
    f32[6] = bad;
    EXPECT_FALSE(RowIsFinite(DType::kF32, row, 7));

    std::array<uint16_t, 7> f16{};
    const auto* half_row = reinterpret_cast<const std::byte*>(f16.data());
    EXPECT_TRUE(RowIsFinite(DType::kF16, half_row, 7));
    f16[6] = F32ToF16(bad);
    EXPECT_FALSE(RowIsFinite(DType::kF16, half_row, 7));
    f16[6] = F32ToBF16(bad);
    EXPECT_FALSE(RowIsFinite(DType::kBF16, half_row, 7));
  }
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    auto block = Block(dtype);
    EXPECT_TRUE(RowIsFinite(dtype, block.data(), 32));
    block[1] = std::byte{0x7c};
    EXPECT_FALSE(RowIsFinite(dtype, block.data(), 32)) << Name(dtype);
  }
  auto block = Block(DType::kQ4_1);
  block[3] = std::byte{0xfe};
  EXPECT_FALSE(RowIsFinite(DType::kQ4_1, block.data(), 32));
}

}  // namespace
}  // namespace kvscope
