// Activations in bfloat16 times a stored weight matrix, on tensor cores: the fast path.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/weight_matrix.h"

namespace kvscope {

// Columns of w come in multiples of this: rows of x are aligned to 16 bytes.
inline constexpr size_t kTensorColumns = 8;

// y[t][r] = sum over k of bfloat16(w[r][k]) * x[t][k] for t in [0, tokens) and every row r of w, whose data
// is in device memory and as it was stored: a tile at a time is dequantized on its way. x: [tokens,
// w.columns], y: [tokens, w.rows], in device memory; they do not overlap. w.data and x are aligned to 16
// bytes.
//
// Products are exact and sums float, from the first column to the last in steps of 16, in which the tensor
// core's own order and rounding hold. Whatever `tokens`, a token's result does not depend on the batch it is
// computed in. cudaErrorInvalidValue: a null pointer or one that is not aligned, no rows or columns, columns
// that are no multiple of kTensorColumns or part of a block, sizes above INT_MAX.
[[nodiscard]] cudaError_t TensorMatMulOnDevice(const WeightMatrix& w, const __nv_bfloat16* x, size_t tokens,
                                               float* y, cudaStream_t stream);

// out[i] = x[i], rounded to nearest even. [n] each, in device memory. cudaErrorInvalidValue where n > 0 and a
// pointer is null.
[[nodiscard]] cudaError_t RoundOnDevice(const float* x, size_t n, __nv_bfloat16* out, cudaStream_t stream);

}  // namespace kvscope
