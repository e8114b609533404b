// Stored elements to float: the meaning of every DType, in plain loops. Faster kernels are tested against it.
#pragma once

#include <cstddef>

#include "kernels/dtype.h"

namespace kvscope {

// Writes the `columns` elements of one stored row to `out`. Exact but for Q4_1, whose sum d * q + m is
// rounded once (d * q is exact: 11 bits by 4). REQUIRES: columns is a multiple of BlockElements(dtype).
void DequantizeRow(DType dtype, const std::byte* row, size_t columns, float* out);

// Whether every element of the row (for block types: every scale and minimum) is finite.
bool RowIsFinite(DType dtype, const std::byte* row, size_t columns);

}  // namespace kvscope
