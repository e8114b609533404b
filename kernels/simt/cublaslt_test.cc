// The stand-in of cuBLASLt refuses what the library refuses.
#include <cublasLt.h>
#include <gtest/gtest.h>

#include "kernels/cuda/device_testing.h"

namespace kvscope {
namespace {

// A product of [rows, depth] and [depth, columns], as described; sizes and strides may be wrong.
struct Product {
  uint64_t a_rows = 4, a_columns = 3, b_rows = 3, b_columns = 2, d_rows = 4, d_columns = 2;
  int64_t a_stride = 4;
  cudaDataType type = CUDA_R_32F, d_type = CUDA_R_32F;
  cublasOperation_t a_operation = CUBLAS_OP_N;

  cublasStatus_t Run(const void* a, const void* b, void* d) const {
    cublasLtMatmulDesc_t operation;
    cublasLtMatrixLayout_t layouts[3];
    EXPECT_EQ(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &a_operation,
                                             sizeof(a_operation)),
              CUBLAS_STATUS_SUCCESS);
    cublasLtMatrixLayoutCreate(&layouts[0], type, a_rows, a_columns, a_stride);
    cublasLtMatrixLayoutCreate(&layouts[1], type, b_rows, b_columns, static_cast<int64_t>(b_rows));
    cublasLtMatrixLayoutCreate(&layouts[2], d_type, d_rows, d_columns, static_cast<int64_t>(d_rows));
    const float alpha = 2.0f, beta = 0.0f;
    const cublasStatus_t status =
        cublasLtMatmul(nullptr, operation, &alpha, a, layouts[0], b, layouts[1], &beta, d, layouts[2], d,
                       layouts[2], nullptr, nullptr, 0, nullptr);
    for (const cublasLtMatrixLayout_t layout : layouts) cublasLtMatrixLayoutDestroy(layout);
    cublasLtMatmulDescDestroy(operation);
    return status;
  }
};

TEST(CublasLtTest, MultipliesColumnByColumn) {
  DeviceArray<float> a({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}), b({1, 0, 1, 0, 1, 0}), d(8);
  EXPECT_EQ(Product().Run(a.data(), b.data(), d.data()), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(d.ToHost(), (std::vector<float>{20, 24, 28, 32, 10, 12, 14, 16}));
  // The same numbers as [3, 4], transposed.
  const Product transposed{.a_rows = 3, .a_columns = 4, .a_stride = 3, .a_operation = CUBLAS_OP_T};
  EXPECT_EQ(transposed.Run(a.data(), b.data(), d.data()), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(d.ToHost(), (std::vector<float>{8, 20, 32, 44, 4, 10, 16, 22}));
}

TEST(CublasLtTest, RefusesWhatDoesNotFit) {
  DeviceArray<float> memory(64);
  const auto run = [&](const Product& product) {
    return product.Run(memory.data(), memory.data(), memory.data());
  };
  EXPECT_EQ(run({.b_rows = 4}), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run({.d_rows = 3}), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run({.a_stride = 3}), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run({.a_operation = CUBLAS_OP_T}), CUBLAS_STATUS_INVALID_VALUE);
  EXPECT_EQ(run({.type = CUDA_R_8I}), CUBLAS_STATUS_NOT_SUPPORTED);
  EXPECT_EQ(run({.d_type = CUDA_R_16BF}), CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST(CublasLtTest, ReportsMatricesOutsideDeviceMemory) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  DeviceArray<float> memory(64), small(7);
  float host[64] = {};
  EXPECT_DEATH(Product().Run(host, memory.data(), memory.data()), "cublasLtMatmul: matrix A of 4 x 3");
  EXPECT_DEATH(Product().Run(memory.data(), memory.data(), small.data()),
               "cublasLtMatmul: matrix C of 4 x 2");
}

}  // namespace
}  // namespace kvscope
