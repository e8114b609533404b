// A tensor as a weight file holds it, and its checked conversion into what a Model keeps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/weight_matrix.h"

namespace kvscope {

struct StoredTensor {
  DType dtype = DType::kF32;
  std::vector<uint64_t> shape;  // outermost dimension first
  const std::byte* data = nullptr;
};

// By name. The bytes belong to the file it was parsed from.
using TensorMap = std::map<std::string, StoredTensor, std::less<>>;

// Bytes of a tensor; nothing when they do not fit in 64 bits or the innermost dimension is no whole number of
// blocks. A tensor without dimensions is one element.
std::optional<uint64_t> TensorBytes(DType dtype, const std::vector<uint64_t>& shape);

// Tensor `name` as a matrix of that shape. DataLoss naming `source` (the file), tensor, expected and found:
// absent, of another shape, or holding a number (for block types: a scale) that is not finite.
absl::StatusOr<WeightMatrix> FindMatrix(const TensorMap& tensors, const std::string& name, uint64_t rows,
                                        uint64_t columns, const std::string& source);

// The same for a vector, widened to float.
absl::StatusOr<std::vector<float>> FindVector(const TensorMap& tensors, const std::string& name,
                                              uint64_t size, const std::string& source);

}  // namespace kvscope
