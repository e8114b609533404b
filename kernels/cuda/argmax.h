// The next token of greedy decoding, on a device; ArgMaxFinite of kernels/cpu/elementwise.h is the twin.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

namespace kvscope {

// out[r] = index of the largest element of x[r], the smallest such index on a tie; -1 when any element of
// x[r] is NaN or infinite. x: [rows, columns], out: [rows], in device memory. cudaErrorInvalidValue: a null
// pointer, columns outside [1, INT_MAX], rows above INT_MAX.
[[nodiscard]] cudaError_t ArgMaxFiniteOnDevice(const float* x, size_t rows, size_t columns, int* out,
                                               cudaStream_t stream);

}  // namespace kvscope
