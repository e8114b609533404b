#include "kernels/cuda/dense_matmul.h"

#include <cstdint>

namespace kvscope {
namespace {

// What a product is described with; the library's objects go when it does.
struct Description {
  ~Description() {
    if (preference != nullptr) cublasLtMatmulPreferenceDestroy(preference);
    for (const cublasLtMatrixLayout_t layout : {w, x, y}) {
      if (layout != nullptr) cublasLtMatrixLayoutDestroy(layout);
    }
    if (operation != nullptr) cublasLtMatmulDescDestroy(operation);
  }

  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t w = nullptr, x = nullptr, y = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
};

#define RETURN_IF_CUBLAS_ERROR(call)                                   \
  if (const cublasStatus_t status = call; status != CUBLAS_STATUS_SUCCESS) return status

// The library goes column by column, so that our rows are its columns: y^T = w x^T is [rows, tokens], w is given
// transposed.
cublasStatus_t Describe(const WeightMatrix& w, size_t tokens, Description& description) {
  RETURN_IF_CUBLAS_ERROR(cublasLtMatmulDescCreate(&description.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  const cublasOperation_t transposed = CUBLAS_OP_T;
  RETURN_IF_CUBLAS_ERROR(cublasLtMatmulDescSetAttribute(description.operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                                        sizeof(transposed)));
  const auto columns = static_cast<int64_t>(w.columns), rows = static_cast<int64_t>(w.rows);
  RETURN_IF_CUBLAS_ERROR(cublasLtMatrixLayoutCreate(&description.w, CUDA_R_16BF, w.columns, w.rows, columns));
  RETURN_IF_CUBLAS_ERROR(cublasLtMatrixLayoutCreate(&description.x, CUDA_R_16BF, w.columns, tokens, columns));
  RETURN_IF_CUBLAS_ERROR(cublasLtMatrixLayoutCreate(&description.y, CUDA_R_32F, w.rows, tokens, rows));
  RETURN_IF_CUBLAS_ERROR(cublasLtMatmulPreferenceCreate(&description.preference));
  const uint64_t workspace_bytes = DenseMatMul::kWorkspaceBytes;
  return cublasLtMatmulPreferenceSetAttribute(description.preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                              &workspace_bytes, sizeof(workspace_bytes));
}

cublasStatus_t Multiply(cublasLtHandle_t& handle, const WeightMatrix& w, const __nv_bfloat16* x, size_t tokens, float* y,
                        void* workspace, cudaStream_t stream) {
  if (handle == nullptr) RETURN_IF_CUBLAS_ERROR(cublasLtCreate(&handle));
  Description d;
  RETURN_IF_CUBLAS_ERROR(Describe(w, tokens, d));
  cublasLtMatmulHeuristicResult_t best;
  int found = 0;
  RETURN_IF_CUBLAS_ERROR(cublasLtMatmulAlgoGetHeuristic(handle, d.operation, d.w, d.x, d.y, d.y, d.preference, 1, &best,
                                                        &found));
  if (found == 0) return CUBLAS_STATUS_NOT_SUPPORTED;
  const float one = 1.0f, zero = 0.0f;
  return cublasLtMatmul(handle, d.operation, &one, w.data, d.w, x, d.x, &zero, y, d.y, y, d.y, &best.algo, workspace,
                        DenseMatMul::kWorkspaceBytes, stream);
}

}  // namespace

DenseMatMul::~DenseMatMul() {
  if (handle_ != nullptr) cublasLtDestroy(handle_);
}

bool DenseMatMul::Takes(const WeightMatrix& w) { return w.dtype == DType::kBF16; }

cudaError_t DenseMatMul::Run(const WeightMatrix& w, const __nv_bfloat16* x, size_t tokens, float* y, void* workspace,
                             cudaStream_t stream) {
  if (!Takes(w) || w.data == nullptr || w.rows == 0 || w.columns == 0 || x == nullptr || y == nullptr || tokens == 0 ||
      workspace == nullptr) {
    return cudaErrorInvalidValue;
  }
  switch (Multiply(handle_, w, x, tokens, y, workspace, stream)) {
    case CUBLAS_STATUS_SUCCESS:
      return cudaSuccess;
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return cudaErrorNotSupported;
    default:
      return cudaErrorUnknown;
  }
}

}  // namespace kvscope
