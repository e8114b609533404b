#include "kernels/cpu/packed_matrix.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/dequantize.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

constexpr size_t kBlock = 32;      // columns that share a scale
constexpr size_t kDwordBytes = 4;  // of one row that lie together
constexpr size_t kDwordStride = kPanelRows * kDwordBytes;
constexpr size_t kScaleBytes = kPanelRows * 2;  // of one block, [16 rows]
constexpr uint8_t kQ8Offset = 0x80;             // as unsigned bytes, which the products' instructions want

PackedType TypeOf(DType dtype) {
  switch (dtype) {
    case DType::kQ4_1:
      return PackedType::kQ4_1;
    case DType::kQ4_0:
      return PackedType::kQ4_0;
    case DType::kQ8_0:
      return PackedType::kQ8_0;
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
      return PackedType::kBF16;
  }
  return PackedType::kBF16;
}

// Where the parts of a block, of row 0 of a panel, begin in its group.
struct BlockPlace {
  size_t scale;
  size_t minimum;  // Q4_1 only
  size_t quants;
};

BlockPlace PlaceOf(PackedType type, size_t block_in_group) {
  const size_t scales = type == PackedType::kQ4_1 ? 2 * kScaleBytes : kScaleBytes;  // of a block
  const size_t quants = type == PackedType::kQ8_0 ? kPanelRows * kBlock : kPanelRows * kBlock / 2;
  const size_t scale = block_in_group * scales;
  return {.scale = scale, .minimum = scale + kScaleBytes, .quants = 2 * scales + block_in_group * quants};
}

// One stored block of ggml's formats to the lane of row `r` in the group at `group`.
void PackBlock(PackedType type, const std::byte* stored, std::byte* group, size_t block_in_group, size_t r) {
  const BlockPlace place = PlaceOf(type, block_in_group);
  std::memcpy(group + place.scale + 2 * r, stored, 2);
  const std::byte* quants = stored + 2;
  if (type == PackedType::kQ4_1) {
    std::memcpy(group + place.minimum + 2 * r, quants, 2);
    quants += 2;
  }
  const uint32_t flip = type == PackedType::kQ8_0 ? kQ8Offset * 0x01010101u : 0;
  const size_t dwords = (type == PackedType::kQ8_0 ? kBlock : kBlock / 2) / kDwordBytes;
  for (size_t j = 0; j < dwords; ++j) {
    uint32_t dword = 0;
    std::memcpy(&dword, quants + j * kDwordBytes, kDwordBytes);
    dword ^= flip;
    std::memcpy(group + place.quants + j * kDwordStride + r * kDwordBytes, &dword, kDwordBytes);
  }
}

void PackQuantizedRow(const WeightMatrix& w, PackedType type, size_t row, std::byte* panel) {
  const std::byte* stored = w.row(row);
  for (size_t b = 0; b < w.columns / kBlock; ++b, stored += BlockBytes(w.dtype))
    PackBlock(type, stored, panel + b / 2 * GroupBytes(type), b % 2, row % kPanelRows);
}

void PackFloatRow(const WeightMatrix& w, size_t row, std::vector<float>& scratch, std::byte* panel) {
  DequantizeRow(w.dtype, w.row(row), w.columns, scratch.data());
  for (size_t k = 0; k < w.columns; ++k) {
    const uint16_t half = F32ToBF16(scratch[k]);
    std::memcpy(panel + k / 2 * kDwordStride + row % kPanelRows * kDwordBytes + k % 2 * 2, &half, 2);
  }
}

float LoadF16(const std::byte* at) {
  uint16_t half = 0;
  std::memcpy(&half, at, 2);
  return F16ToF32(half);
}

void UnpackBlock(PackedType type, const std::byte* group, size_t block_in_group, size_t r, float* out) {
  const BlockPlace place = PlaceOf(type, block_in_group);
  const float d = LoadF16(group + place.scale + 2 * r);
  const float m = type == PackedType::kQ4_1 ? LoadF16(group + place.minimum + 2 * r) : 0.0f;
  const auto byte_at = [&](size_t i) {  // of the row's quants
    return std::to_integer<int>(
        group[place.quants + i / kDwordBytes * kDwordStride + r * kDwordBytes + i % kDwordBytes]);
  };
  const int zero = type == PackedType::kQ4_0 ? 8 : 0;
  for (size_t i = 0; i < kBlock; ++i) {
    if (type == PackedType::kQ8_0) {
      out[i] = d * static_cast<float>(byte_at(i) - kQ8Offset);
    } else {
      const int nibble = i < kBlock / 2 ? byte_at(i) & 0x0f : byte_at(i - kBlock / 2) >> 4;
      out[i] = d * static_cast<float>(nibble - zero) + m;
    }
  }
}

}  // namespace

PackedMatrix PackedShape(const WeightMatrix& w) {
  return {.type = TypeOf(w.dtype), .rows = w.rows, .columns = w.columns};
}

void PackPanels(const WeightMatrix& w, size_t first, size_t end, std::byte* data) {
  PackedMatrix packed = PackedShape(w);
  std::vector<float> scratch(TakesIntegers(packed.type) ? 0 : w.columns);
  for (size_t p = first; p < end; ++p) {
    std::byte* const panel = data + p * packed.panel_bytes();
    const size_t rows_end = std::min(w.rows, (p + 1) * kPanelRows);
    for (size_t row = p * kPanelRows; row < rows_end; ++row) {
      if (TakesIntegers(packed.type)) {
        PackQuantizedRow(w, packed.type, row, panel);
      } else {
        PackFloatRow(w, row, scratch, panel);
      }
    }
  }
}

void UnpackRow(const PackedMatrix& w, size_t row, float* out) {
  const std::byte* panel = w.panel(row / kPanelRows);
  const size_t r = row % kPanelRows;
  if (TakesIntegers(w.type)) {
    for (size_t b = 0; b < w.columns / kBlock; ++b)
      UnpackBlock(w.type, panel + b / 2 * GroupBytes(w.type), b % 2, r, out + b * kBlock);
    return;
  }
  for (size_t k = 0; k < w.columns; ++k) {
    uint16_t half = 0;
    std::memcpy(&half, panel + k / 2 * kDwordStride + r * kDwordBytes + k % 2 * 2, 2);
    out[k] = BF16ToF32(half);
  }
}

}  // namespace kvscope
