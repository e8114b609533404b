// safetensors, Hugging Face's weight format: the length of a JSON header, the header (name -> element type,
// shape, byte range), and the tensors' bytes without gaps.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "runtime/model/stored_tensor.h"

namespace kvscope {

// Tensors point into `bytes`, at any alignment. `name` (the file) stands in messages. DataLoss: a file that
// is cut, damaged, or whose byte ranges do not fit shapes and types, overlap, or leave gaps. Unimplemented:
// an element type other than F32, F16, BF16.
absl::StatusOr<TensorMap> ParseSafetensors(std::span<const std::byte> bytes, const std::string& name);

}  // namespace kvscope
