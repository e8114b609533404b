// Rows of a stored matrix as activations, on a device.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include "kernels/weight_matrix.h"

namespace kvscope {

// out[t] = row tokens[t] of `table`, whose data is in device memory; T is float (the bits of DequantizeRow of
// kernels/dequantize.h) or __nv_bfloat16 (those rounded to nearest even). tokens: [count], each below
// table.rows; out: [count, table.columns]; both in device memory. cudaErrorInvalidValue: a null pointer, no
// columns or part of a block of them, count above INT_MAX.
template <class T>
[[nodiscard]] cudaError_t EmbedOnDevice(const WeightMatrix& table, const int* tokens, size_t count, T* out,
                                        cudaStream_t stream);

}  // namespace kvscope
