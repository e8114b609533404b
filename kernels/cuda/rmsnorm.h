// Root mean square normalization on a device; kernels/cpu/elementwise.h has the twin.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>

namespace kvscope {

// All pointers are of device memory.
template <class T>
struct RmsNormParams {
  const T* x;           // [rows, columns]
  const float* weight;  // [columns]
  T* out;               // [rows, columns]; may be x
  size_t rows;
  size_t columns;
  float eps;  // finite, not negative
};

// out[r][i] = x[r][i] * weight[i] / sqrt(mean(x[r]^2) + eps) (Zhang and Sennrich 2019, section 3), computed
// in float. T is float or __nv_bfloat16. A row's result does not depend on the other rows.
// cudaErrorInvalidValue when parameters are not as described; nothing is launched then, nor when there are no
// rows.
template <class T>
[[nodiscard]] cudaError_t RmsNormOnDevice(const RmsNormParams<T>& params, cudaStream_t stream);

}  // namespace kvscope
