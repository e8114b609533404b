// Arithmetic of a forward pass.
#pragma once

#include <cstdint>
#include <string_view>

namespace kvscope {

enum class Precision : uint8_t {
  kF32,   // exact: the weights' own values, float products and sums
  kBF16,  // fast: activations rounded to int8 or bfloat16 before each product, sums in int32 and float
};

constexpr std::string_view Name(Precision precision) { return precision == Precision::kF32 ? "f32" : "bf16"; }

}  // namespace kvscope
