// Rows of activations rounded for products with packed weights.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/aligned.h"
#include "kernels/cpu/panel_kernels.h"

namespace kvscope {

// What the products that read the rows take; see TakesIntegers. Of int8 and int16 one at most.
struct ActivationForms {
  bool int8 = false;   // blocks of 32 columns: q = round(127 x / max |x|), scale = max |x| / 127
  bool int16 = false;  // the same and, in a second byte, 256ths of what rounding left
  bool bf16 = false;   // to nearest even

  ActivationForms operator|(const ActivationForms& other) const {
    return {.int8 = int8 || other.int8, .int16 = int16 || other.int16, .bf16 = bf16 || other.bf16};
  }
};

inline constexpr size_t kActivationBlock = 32;  // columns that share a scale

// Where one row is stored; null where its form is not wanted.
struct ActivationRow {
  int8_t* q = nullptr;          // [padded columns]
  int8_t* fine = nullptr;       // likewise
  float* scale = nullptr;       // [blocks]; so are the next two
  float* scaled_sum = nullptr;  // see PanelInput
  int32_t* negative_sum = nullptr;
  uint16_t* halves = nullptr;  // 32 columns; the next are kTileRows * 32 further
};

// Grows and never shrinks. A row is written by one call, or by calls for ranges of its columns; calls for
// different rows or ranges may run at the same time. A row does not depend on others.
class ActivationRows {
 public:
  explicit ActivationRows(size_t columns);

  // Makes room for `rows` rows in these forms, which the next writes fill. What was there is lost.
  void Resize(size_t rows, ActivationForms forms);

  // Row r is x, [columns].
  void Set(size_t r, const float* x);

  // Row r is RmsNorm(x, weight).
  void SetRmsNorm(size_t r, const float* x, const float* weight, float eps);

  // Columns [first, first + n) of row r are silu(gate) * up, [n] each. REQUIRES: first is a multiple of 32,
  // and so is n or the range ends the row.
  void SetSwiGlu(size_t r, size_t first, size_t n, const float* gate, const float* up);

  size_t columns() const { return columns_; }
  size_t padded_columns() const { return padded_; }
  uint16_t* halves() { return halves_.data(); }  // see PanelInput
  PanelInput input() const;
  size_t bytes() const;

 private:
  ActivationRow Row(size_t r);
  size_t QStride() const { return forms_.int16 ? 2 * padded_ : padded_; }

  size_t columns_;
  size_t padded_;  // to whole groups
  ActivationForms forms_;
  AlignedVector<int8_t> q_;  // [rows][padded columns]; with int16 [rows][2][padded columns], fine second
  AlignedVector<float> scale_;
  AlignedVector<float> scaled_sum_;
  AlignedVector<int32_t> negative_sum_;
  AlignedVector<uint16_t> halves_;
};

}  // namespace kvscope
