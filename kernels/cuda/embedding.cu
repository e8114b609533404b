#include "kernels/cuda/embedding.h"

#include <climits>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/dequantize.cuh"
#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr int kThreads = 128;

// A block for each token.
template <DType kType, class T>
__global__ void __launch_bounds__(kThreads) EmbedKernel(const std::byte* table, size_t row_bytes, size_t columns,
                                                        const int* tokens, T* out) {
  const std::byte* row = table + static_cast<size_t>(tokens[blockIdx.x]) * row_bytes;
  for (size_t i = threadIdx.x; i < columns; i += kThreads) {
    Store(StoredElement<kType>(row, i), &out[blockIdx.x * columns + i]);
  }
}

}  // namespace

template <class T>
cudaError_t EmbedOnDevice(const WeightMatrix& table, const int* tokens, size_t count, T* out, cudaStream_t stream) {
  if (count == 0) return cudaSuccess;
  if (table.data == nullptr || tokens == nullptr || out == nullptr || table.columns == 0 ||
      table.columns % BlockElements(table.dtype) != 0 || count > INT_MAX) {
    return cudaErrorInvalidValue;
  }
  return WithStoredType(table.dtype, [&]<DType kType>() {
    return Launch<EmbedKernel<kType, T>>(dim3(static_cast<unsigned>(count)), dim3(kThreads), 0, stream, table.data,
                                         RowBytes(kType, table.columns), table.columns, tokens, out);
  });
}

template cudaError_t EmbedOnDevice(const WeightMatrix&, const int*, size_t, float*, cudaStream_t);
template cudaError_t EmbedOnDevice(const WeightMatrix&, const int*, size_t, __nv_bfloat16*, cudaStream_t);

}  // namespace kvscope
