// A stored weight matrix as the kernels see it: rows of outputs, columns of inputs, in the file's own element
// type.
#pragma once

#include <cstddef>

#include "kernels/dtype.h"

namespace kvscope {

// y = W x, W of [rows, columns], row-major, each row RowBytes(dtype, columns) long. Does not own the bytes.
struct WeightMatrix {
  DType dtype = DType::kF32;
  size_t rows = 0;
  size_t columns = 0;
  const std::byte* data = nullptr;

  const std::byte* row(size_t r) const { return data + r * RowBytes(dtype, columns); }
};

}  // namespace kvscope
