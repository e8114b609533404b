#include "runtime/model/stored_tensor.h"

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "kernels/dequantize.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

absl::StatusOr<StoredTensor> FindTensor(const TensorMap& tensors, const std::string& name,
                                        const std::vector<uint64_t>& shape, const std::string& source) {
  const auto found = tensors.find(name);
  if (found == tensors.end())
    return absl::DataLossError(
        fmt::format("{}: tensor {}: expected shape {}, found no such tensor", source, name, shape));
  const StoredTensor& tensor = found->second;
  if (tensor.shape != shape)
    return absl::DataLossError(
        fmt::format("{}: tensor {}: expected shape {}, found {}", source, name, shape, tensor.shape));
  const size_t columns = shape.back();
  const size_t rows = shape.size() == 1 ? 1 : shape.front();
  for (size_t r = 0; r < rows; ++r) {
    if (!RowIsFinite(tensor.dtype, tensor.data + r * RowBytes(tensor.dtype, columns), columns))
      return absl::DataLossError(
          fmt::format("{}: tensor {}: row {}: expected finite numbers, found NaN or Inf", source, name, r));
  }
  return tensor;
}

}  // namespace

std::optional<uint64_t> TensorBytes(DType dtype, const std::vector<uint64_t>& shape) {
  const uint64_t innermost = shape.empty() ? 1 : shape.back();
  if (innermost % BlockElements(dtype) != 0) return std::nullopt;
  uint64_t bytes = innermost / BlockElements(dtype);
  if (__builtin_mul_overflow(bytes, BlockBytes(dtype), &bytes)) return std::nullopt;
  for (size_t i = 0; i + 1 < shape.size(); ++i)
    if (__builtin_mul_overflow(bytes, shape[i], &bytes)) return std::nullopt;
  return bytes;
}

absl::StatusOr<WeightMatrix> FindMatrix(const TensorMap& tensors, const std::string& name, uint64_t rows,
                                        uint64_t columns, const std::string& source) {
  ASSIGN_OR_RETURN(const StoredTensor tensor, FindTensor(tensors, name, {rows, columns}, source));
  return WeightMatrix{.dtype = tensor.dtype, .rows = rows, .columns = columns, .data = tensor.data};
}

absl::StatusOr<std::vector<float>> FindVector(const TensorMap& tensors, const std::string& name,
                                              uint64_t size, const std::string& source) {
  ASSIGN_OR_RETURN(const StoredTensor tensor, FindTensor(tensors, name, {size}, source));
  std::vector<float> values(size);
  DequantizeRow(tensor.dtype, tensor.data, size, values.data());
  return values;
}

}  // namespace kvscope
