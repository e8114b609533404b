// The part of cuBLASLt that kernels/cuda/dense_matmul.h uses, over loops of the host. Declared in NVIDIA's
// header: what differs from it does not compile. Shapes, leading dimensions and memory are checked as the
// library checks them, or more.
#include <cublasLt.h>

#include <cstring>
#include <type_traits>

#include "kernels/half.h"
#include "kernels/simt/device_memory.h"
#include "kernels/simt/report.h"
#include "kernels/simt/stream.h"

namespace kvscope::simt {
namespace {

struct Layout : cublasLtMatrixLayoutOpaque_t {
  cudaDataType type = CUDA_R_32F;
  uint64_t rows = 0, columns = 0;  // column by column
  int64_t stride = 0;              // elements from one column to the next
};
struct Operation : cublasLtMatmulDescOpaque_t {
  cublasOperation_t a = CUBLAS_OP_N, b = CUBLAS_OP_N;
};
struct Preference : cublasLtMatmulPreferenceOpaque_t {
  uint64_t workspace_bytes = 0;
};

template <class T>
cublasStatus_t Set(T& field, const void* value, size_t bytes) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&field, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

size_t ElementBytes(cudaDataType type) { return type == CUDA_R_16BF ? 2 : type == CUDA_R_32F ? 4 : 0; }

float ElementAt(const void* matrix, cudaDataType type, size_t i) {
  if (type == CUDA_R_32F) return static_cast<const float*>(matrix)[i];
  return BF16ToF32(static_cast<const uint16_t*>(matrix)[i]);
}

// All but the last column are as long as the stride.
size_t Bytes(const Layout& layout) {
  return ((layout.columns - 1) * static_cast<size_t>(layout.stride) + layout.rows) *
         ElementBytes(layout.type);
}

struct Matrix {
  Layout layout;
  const void* data;
  bool transposed = false;

  uint64_t rows() const { return transposed ? layout.columns : layout.rows; }
  uint64_t columns() const { return transposed ? layout.rows : layout.columns; }
  float At(uint64_t row, uint64_t column) const {
    const uint64_t r = transposed ? column : row, c = transposed ? row : column;
    return ElementAt(data, layout.type, c * static_cast<uint64_t>(layout.stride) + r);
  }
};

cublasStatus_t CheckShapes(const Matrix& a, const Matrix& b, const Layout& c, const Layout& d) {
  for (const Layout* layout : {&a.layout, &b.layout, &c, &d}) {
    if (layout->rows == 0 || layout->columns == 0 || layout->stride < static_cast<int64_t>(layout->rows)) {
      return CUBLAS_STATUS_INVALID_VALUE;
    }
  }
  if (a.columns() != b.rows() || d.rows != a.rows() || d.columns != b.columns() || c.rows != d.rows ||
      c.columns != d.columns) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const bool known = a.layout.type == b.layout.type && ElementBytes(a.layout.type) != 0 &&
                     c.type == CUDA_R_32F && d.type == CUDA_R_32F;
  return known ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
}

void CheckMemory(const char* name, const void* data, const Layout& layout) {
  if (IsAllocated(data, Bytes(layout))) return;
  Fatal("cublasLtMatmul: matrix {} of {} x {} with stride {} is not in one allocation of device memory", name,
        layout.rows, layout.columns, layout.stride);
}

void Multiply(const Matrix& a, const Matrix& b, float alpha, float beta, const Matrix& c, const Layout& d,
              float* out) {
  for (uint64_t column = 0; column < d.columns; ++column) {
    for (uint64_t row = 0; row < d.rows; ++row) {
      float sum = 0;
      for (uint64_t k = 0; k < a.columns(); ++k) sum += a.At(row, k) * b.At(k, column);
      float value = alpha * sum;
      if (beta != 0) value += beta * c.At(row, column);
      out[column * static_cast<uint64_t>(d.stride) + row] = value;
    }
  }
}

}  // namespace
}  // namespace kvscope::simt

using namespace kvscope::simt;  // NOLINT: the functions below are of the global namespace

struct cublasLtContext {};

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t stride) {
  *layout = new Layout{{}, type, rows, columns, stride};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete static_cast<Layout*>(layout);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F) return CUBLAS_STATUS_NOT_SUPPORTED;
  *operation = new Operation;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  delete static_cast<Operation*>(operation);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              size_t bytes) {
  auto& fields = *static_cast<Operation*>(operation);
  if (attribute == CUBLASLT_MATMUL_DESC_TRANSA) return Set(fields.a, value, bytes);
  if (attribute == CUBLASLT_MATMUL_DESC_TRANSB) return Set(fields.b, value, bytes);
  return CUBLAS_STATUS_NOT_SUPPORTED;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new Preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete static_cast<Preference*>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  if (attribute != CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) return CUBLAS_STATUS_NOT_SUPPORTED;
  return Set(static_cast<Preference*>(preference)->workspace_bytes, value, bytes);
}

// One algorithm for every shape, which takes all the workspace that it may.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  const auto& how = *static_cast<Operation*>(operation);
  const cublasStatus_t status = CheckShapes({*static_cast<Layout*>(a), nullptr, how.a != CUBLAS_OP_N},
                                            {*static_cast<Layout*>(b), nullptr, how.b != CUBLAS_OP_N},
                                            *static_cast<Layout*>(c), *static_cast<Layout*>(d));
  *found = status == CUBLAS_STATUS_SUCCESS && wanted > 0 ? 1 : 0;
  if (*found == 0) return status;
  results[0] = {};
  results[0].workspaceSize = static_cast<Preference*>(preference)->workspace_bytes;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t operation, const void* alpha,
                              const void* a_data, cublasLtMatrixLayout_t a_layout, const void* b_data,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c_data,
                              cublasLtMatrixLayout_t c_layout, void* d_data, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t*, void* workspace, size_t workspace_bytes,
                              cudaStream_t stream) {
  const auto& how = *static_cast<Operation*>(operation);
  const Matrix a{*static_cast<Layout*>(a_layout), a_data, how.a != CUBLAS_OP_N};
  const Matrix b{*static_cast<Layout*>(b_layout), b_data, how.b != CUBLAS_OP_N};
  const Matrix c{*static_cast<Layout*>(c_layout), c_data};
  const Layout d = *static_cast<Layout*>(d_layout);
  if (const cublasStatus_t status = CheckShapes(a, b, c.layout, d); status != CUBLAS_STATUS_SUCCESS)
    return status;
  CheckMemory("A", a_data, a.layout);
  CheckMemory("B", b_data, b.layout);
  CheckMemory("C", c_data, c.layout);
  CheckMemory("D", d_data, d);
  if (workspace_bytes > 0 && !IsAllocated(workspace, workspace_bytes)) return CUBLAS_STATUS_INVALID_VALUE;
  const float alpha_value = *static_cast<const float*>(alpha), beta_value = *static_cast<const float*>(beta);
  Submit(stream, [=] { Multiply(a, b, alpha_value, beta_value, c, d, static_cast<float*>(d_data)); });
  return CUBLAS_STATUS_SUCCESS;
}

}  // extern "C"
