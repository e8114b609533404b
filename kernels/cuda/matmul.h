// Activations times a stored weight matrix in float32 on a device: the exact path. The twin of
// kernels/cpu/matmul.h, to the bit.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/weight_matrix.h"

namespace kvscope {

// y[t][r] = sum over k of w[r][k] * x[t][k] for t in [0, tokens) and every row r of w, whose data is in
// device memory. x: [tokens, w.columns], y: [tokens, w.rows], in device memory; they do not overlap.
//
// Each y is one sum of 16 interleaved partial sums of fused products, which meet as lane i with i + 8, i + 4,
// i + 2, i + 1: whatever `tokens`, a token's result does not depend on the batch it is computed in.
// cudaErrorInvalidValue: a null pointer, no rows or columns or part of a block of them, sizes above INT_MAX.
[[nodiscard]] cudaError_t MatMulOnDevice(const WeightMatrix& w, const float* x, size_t tokens, float* y,
                                         cudaStream_t stream);

}  // namespace kvscope
