// Element types of stored tensors. Block formats are llama.cpp's (ggml), named as in GGUF files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvscope {

enum class DType : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ8_0,  // blocks of 32: f16 scale d, int8 q[32];              w = d * q
  kQ4_0,  // blocks of 32: f16 scale d, 16 bytes of two nibbles;  w = d * (q - 8)
  kQ4_1,  // blocks of 32: f16 scale d, f16 minimum m, 16 bytes;  w = d * q + m
};
// Nibbles: byte i of a block holds element i in its low half and element i + 16 in its high half.

std::string_view Name(DType dtype);

// Elements in a block (1 for plain types) and bytes of a block.
size_t BlockElements(DType dtype);
size_t BlockBytes(DType dtype);

// Bytes of a row of `columns` elements. REQUIRES: columns is a multiple of BlockElements(dtype).
size_t RowBytes(DType dtype, size_t columns);

}  // namespace kvscope
