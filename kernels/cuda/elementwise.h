// Element by element: the feed-forward's gate and the residual sum, on a device; kernels/cpu/elementwise.h
// has the twins. T is float or __nv_bfloat16; arithmetic is in float, and each result is rounded once.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>

namespace kvscope {

// gate[i] = silu(gate[i]) * up[i], silu(z) = z / (1 + exp(-z)) (Shazeer 2020). [n] each, in device memory.
// cudaErrorInvalidValue where n > 0 and a pointer is null.
template <class T>
[[nodiscard]] cudaError_t SwiGluOnDevice(T* gate, const T* up, size_t n, cudaStream_t stream);

// x[i] += y[i]. [n] each, in device memory. Errors as above.
template <class T>
[[nodiscard]] cudaError_t AddToOnDevice(T* x, const T* y, size_t n, cudaStream_t stream);

}  // namespace kvscope
