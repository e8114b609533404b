// Activations times a matrix that is stored in bfloat16, by NVIDIA's library: for prefill, where it is faster
// than kernels/cuda/tensor_matmul.h. How it sums depends on the number of tokens, so it is not for batches of
// decoding.
#pragma once

#include <cublasLt.h>
#include <cuda_bf16.h>

#include <cstddef>

#include "kernels/weight_matrix.h"

namespace kvscope {

class DenseMatMul {
 public:
  static constexpr size_t kWorkspaceBytes = size_t{32}
                                            << 20;  // what NVIDIA recommends for compute capability 9.0

  DenseMatMul() = default;
  ~DenseMatMul();
  DenseMatMul(const DenseMatMul&) = delete;
  DenseMatMul& operator=(const DenseMatMul&) = delete;

  // Whether Run takes the matrix.
  static bool Takes(const WeightMatrix& w);

  // y[t][r] = sum over k of w[r][k] * x[t][k], of x: [tokens, w.columns] to y: [tokens, w.rows]. `workspace`:
  // kWorkspaceBytes that no other stream uses. All in device memory. cudaErrorInvalidValue: a null pointer,
  // sizes of zero, a matrix that it does not take. cudaErrorNotSupported: the library has no way to multiply
  // such matrices. cudaErrorUnknown: it failed otherwise.
  [[nodiscard]] cudaError_t Run(const WeightMatrix& w, const __nv_bfloat16* x, size_t tokens, float* y,
                                void* workspace, cudaStream_t stream);

 private:
  cublasLtHandle_t handle_ = nullptr;  // made at the first product
};

}  // namespace kvscope
