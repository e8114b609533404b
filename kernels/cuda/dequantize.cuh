// Elements of stored weights as floats, with the bits of DequantizeRow (kernels/dequantize.h).
#pragma once

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/dtype.h"

namespace kvscope {
namespace {

// Element `i` of a stored row. Rows of block types are aligned to 2 bytes, of others to their elements.
template <DType kType>
__device__ __forceinline__ float StoredElement(const std::byte* row, size_t i) {
  if constexpr (kType == DType::kF32) {
    return reinterpret_cast<const float*>(row)[i];
  } else if constexpr (kType == DType::kF16) {
    return ToFloat(reinterpret_cast<const __half*>(row)[i]);
  } else if constexpr (kType == DType::kBF16) {
    return ToFloat(reinterpret_cast<const __nv_bfloat16*>(row)[i]);
  } else if constexpr (kType == DType::kQ8_0) {
    const std::byte* block = row + i / 32 * 34;
    return ToFloat(*reinterpret_cast<const __half*>(block)) *
           static_cast<float>(reinterpret_cast<const signed char*>(block + 2)[i % 32]);
  } else {
    constexpr bool kHasMinimum = kType == DType::kQ4_1;
    constexpr unsigned kHeader = kHasMinimum ? 4 : 2;
    const std::byte* block = row + i / 32 * (kHeader + 16);
    const float scale = ToFloat(*reinterpret_cast<const __half*>(block));
    const unsigned packed = reinterpret_cast<const unsigned char*>(block + kHeader)[i % 16];
    const float q = static_cast<float>(i % 32 < 16 ? packed & 15 : packed >> 4);
    // scale * q is exact, so fused or not, the sum is rounded once.
    if constexpr (kHasMinimum) return scale * q + ToFloat(reinterpret_cast<const __half*>(block)[1]);
    return scale * (q - 8.0f);
  }
}

// launch.operator()<type>() for the type of a stored matrix.
template <class LaunchOfType>
cudaError_t WithStoredType(DType type, const LaunchOfType& launch) {
  switch (type) {
    case DType::kF32:
      return launch.template operator()<DType::kF32>();
    case DType::kF16:
      return launch.template operator()<DType::kF16>();
    case DType::kBF16:
      return launch.template operator()<DType::kBF16>();
    case DType::kQ8_0:
      return launch.template operator()<DType::kQ8_0>();
    case DType::kQ4_0:
      return launch.template operator()<DType::kQ4_0>();
    case DType::kQ4_1:
      return launch.template operator()<DType::kQ4_1>();
    default:
      return cudaErrorInvalidValue;
  }
}

}  // namespace
}  // namespace kvscope
