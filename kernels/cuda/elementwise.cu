#include "kernels/cuda/elementwise.h"

#include <algorithm>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"

namespace kvscope {
namespace {

constexpr int kThreads = 256;
constexpr size_t kMaxBlocks = 65536;  // a thread takes several elements of larger arrays

struct SwiGlu {
  static __device__ __forceinline__ float Of(float gate, float up) { return gate / (1.0f + expf(-gate)) * up; }
};
struct Add {
  static __device__ __forceinline__ float Of(float x, float y) { return x + y; }
};

template <class Operation, class T>
__global__ void __launch_bounds__(kThreads) UpdateKernel(T* x, const T* y, size_t n) {
  const size_t stride = static_cast<size_t>(gridDim.x) * kThreads;
  for (size_t i = blockIdx.x * static_cast<size_t>(kThreads) + threadIdx.x; i < n; i += stride) {
    Store(Operation::Of(ToFloat(x[i]), ToFloat(y[i])), &x[i]);
  }
}

template <class Operation, class T>
cudaError_t Update(T* x, const T* y, size_t n, cudaStream_t stream) {
  if (n == 0) return cudaSuccess;
  if (x == nullptr || y == nullptr) return cudaErrorInvalidValue;
  const size_t blocks = std::min(kMaxBlocks, (n + kThreads - 1) / kThreads);
  return Launch<UpdateKernel<Operation, T>>(dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream, x, y, n);
}

}  // namespace

template <class T>
cudaError_t SwiGluOnDevice(T* gate, const T* up, size_t n, cudaStream_t stream) {
  return Update<SwiGlu>(gate, up, n, stream);
}

template <class T>
cudaError_t AddToOnDevice(T* x, const T* y, size_t n, cudaStream_t stream) {
  return Update<Add>(x, y, n, stream);
}

template cudaError_t SwiGluOnDevice(float*, const float*, size_t, cudaStream_t);
template cudaError_t SwiGluOnDevice(__nv_bfloat16*, const __nv_bfloat16*, size_t, cudaStream_t);
template cudaError_t AddToOnDevice(float*, const float*, size_t, cudaStream_t);
template cudaError_t AddToOnDevice(__nv_bfloat16*, const __nv_bfloat16*, size_t, cudaStream_t);

}  // namespace kvscope
