// Weight matrices as the fast path holds them: repacked when a model is loaded, so that a vector register is
// 16 rows and no product needs a horizontal sum.
//
// Rows lie in panels of 16, columns in groups of 64, both filled up with zeros. A panel is its groups one
// after another, a matrix its panels. In a group, with b a block of 32 columns, r a row of the panel, d and m
// in half precision:
//
//   Q4_1  { d [16 r] | m [16 r] } [2 b] | q [2 b][4 j][16 r][4 i]: a byte is column 4j + i of block b, low,
//   and
//         column 16 + 4j + i, high
//
//   Q4_0  d [2 b][16 r] | q as in Q4_1
//
//   Q8_0  d [2 b][16 r] | q [16 j][16 r][4 i]: q + 128 of column 4j + i
//
//   BF16  w [32 j][16 r][2 i]: column 2j + i; also an AMX tile of 32 columns
//
// The numbers are the file's own, but for F16 and F32, which become BF16, rounded to nearest even.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/weight_matrix.h"

namespace kvscope {

inline constexpr size_t kPanelRows = 16;
inline constexpr size_t kGroupColumns = 64;

enum class PackedType : uint8_t { kQ4_1, kQ4_0, kQ8_0, kBF16 };
inline constexpr size_t kPackedTypes = 4;

// Whether products take activations as integers, in blocks; else in bfloat16.
constexpr bool TakesIntegers(PackedType type) { return type != PackedType::kBF16; }

constexpr size_t GroupBytes(PackedType type) {
  switch (type) {
    case PackedType::kQ4_1:
      return 2 * (2 * kPanelRows * 2) + kPanelRows * kGroupColumns / 2;
    case PackedType::kQ4_0:
      return 2 * (kPanelRows * 2) + kPanelRows * kGroupColumns / 2;
    case PackedType::kQ8_0:
      return 2 * (kPanelRows * 2) + kPanelRows * kGroupColumns;
    case PackedType::kBF16:
      return kPanelRows * kGroupColumns * 2;
  }
  return 0;
}

// Does not own the bytes.
struct PackedMatrix {
  PackedType type = PackedType::kBF16;
  size_t rows = 0;
  size_t columns = 0;
  const std::byte* data = nullptr;  // [panels][groups][GroupBytes(type)], on a cache line

  size_t panels() const { return (rows + kPanelRows - 1) / kPanelRows; }
  size_t groups() const { return (columns + kGroupColumns - 1) / kGroupColumns; }
  size_t panel_bytes() const { return groups() * GroupBytes(type); }
  const std::byte* panel(size_t p) const { return data + p * panel_bytes(); }
  size_t bytes() const { return panels() * panel_bytes(); }
};

// The packed form of `w`, its data yet to be placed.
PackedMatrix PackedShape(const WeightMatrix& w);

// Fills panels [first, end) of a matrix of PackedShape(w) whose data begins at `data`, which is zero before.
void PackPanels(const WeightMatrix& w, size_t first, size_t end, std::byte* data);

// out[0, columns): the row as float.
void UnpackRow(const PackedMatrix& w, size_t row, float* out);

}  // namespace kvscope
