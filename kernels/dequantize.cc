#include "kernels/dequantize.h"

#include <cstdint>
#include <cstring>

#include "kernels/half.h"

namespace kvscope {
namespace {

template <typename T>
T Load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

float LoadF16(const std::byte* at) { return F16ToF32(Load<uint16_t>(at)); }

int LowNibble(std::byte b) { return std::to_integer<int>(b & std::byte{0x0f}); }
int HighNibble(std::byte b) { return std::to_integer<int>(b >> 4); }

constexpr size_t kBlock = 32;
constexpr size_t kHalfBlock = kBlock / 2;

void DequantizeQ8_0(const std::byte* block, float* out) {
  const float d = LoadF16(block);
  for (size_t i = 0; i < kBlock; ++i) out[i] = d * static_cast<float>(Load<int8_t>(block + 2 + i));
}

void DequantizeQ4_0(const std::byte* block, float* out) {
  const float d = LoadF16(block);
  for (size_t i = 0; i < kHalfBlock; ++i) {
    out[i] = d * static_cast<float>(LowNibble(block[2 + i]) - 8);
    out[i + kHalfBlock] = d * static_cast<float>(HighNibble(block[2 + i]) - 8);
  }
}

void DequantizeQ4_1(const std::byte* block, float* out) {
  const float d = LoadF16(block);
  const float m = LoadF16(block + 2);
  for (size_t i = 0; i < kHalfBlock; ++i) {
    out[i] = d * static_cast<float>(LowNibble(block[4 + i])) + m;
    out[i + kHalfBlock] = d * static_cast<float>(HighNibble(block[4 + i])) + m;
  }
}

// Whether none of `count` values at `data`, `stride` bytes apart, has an exponent of all ones. No early exit:
// the loop is to be vectorised, and nearly every row is finite.
template <typename T>
bool AllFinite(const std::byte* data, size_t count, size_t stride, T exponent) {
  unsigned bad = 0;
  for (size_t i = 0; i < count; ++i) bad |= (Load<T>(data + i * stride) & exponent) == exponent;
  return bad == 0;
}

constexpr uint32_t kF32Exponent = 0x7f800000;
constexpr uint16_t kF16Exponent = 0x7c00;
constexpr uint16_t kBF16Exponent = 0x7f80;

}  // namespace

void DequantizeRow(DType dtype, const std::byte* row, size_t columns, float* out) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, row, columns * sizeof(float));
      return;
    case DType::kF16:
      for (size_t i = 0; i < columns; ++i) out[i] = LoadF16(row + 2 * i);
      return;
    case DType::kBF16:
      for (size_t i = 0; i < columns; ++i) out[i] = BF16ToF32(Load<uint16_t>(row + 2 * i));
      return;
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ4_1:
      break;
  }
  const auto dequantize_block = dtype == DType::kQ8_0   ? DequantizeQ8_0
                                : dtype == DType::kQ4_0 ? DequantizeQ4_0
                                                        : DequantizeQ4_1;
  for (size_t b = 0; b < columns / kBlock; ++b)
    dequantize_block(row + b * BlockBytes(dtype), out + b * kBlock);
}

bool RowIsFinite(DType dtype, const std::byte* row, size_t columns) {
  const size_t blocks = columns / BlockElements(dtype);
  const size_t stride = BlockBytes(dtype);
  switch (dtype) {
    case DType::kF32:
      return AllFinite(row, blocks, sizeof(uint32_t), kF32Exponent);
    case DType::kF16:
      return AllFinite(row, blocks, sizeof(uint16_t), kF16Exponent);
    case DType::kBF16:
      return AllFinite(row, blocks, sizeof(uint16_t), kBF16Exponent);
    case DType::kQ8_0:
    case DType::kQ4_0:
      return AllFinite(row, blocks, stride, kF16Exponent);
    case DType::kQ4_1:
      return AllFinite(row, blocks, stride, kF16Exponent) && AllFinite(row + 2, blocks, stride, kF16Exponent);
  }
  return false;
}

}  // namespace kvscope
