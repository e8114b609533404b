#include <climits>
#include <cmath>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/reduce.cuh"
#include "kernels/cuda/rmsnorm.h"

namespace kvscope {
namespace {

constexpr int kThreads = 256;

// A block for each row. A thread writes only the elements that it reads, so out may be x.
template <class T>
__global__ void __launch_bounds__(kThreads) RmsNormKernel(RmsNormParams<T> params) {
  KVSCOPE_SHARED(float, partial, kThreads / 32);
  const T* x = params.x + blockIdx.x * params.columns;
  T* out = params.out + blockIdx.x * params.columns;

  float squares = 0.0f;
  for (size_t i = threadIdx.x; i < params.columns; i += kThreads) {
    const float value = ToFloat(x[i]);
    squares += value * value;
  }
  const float mean = BlockSum<kThreads>(squares, partial) / static_cast<float>(params.columns);
  const float scale = 1.0f / sqrtf(mean + params.eps);
  for (size_t i = threadIdx.x; i < params.columns; i += kThreads) {
    Store(ToFloat(x[i]) * scale * params.weight[i], &out[i]);
  }
}

template <class T>
bool IsValid(const RmsNormParams<T>& params) {
  return params.x != nullptr && params.weight != nullptr && params.out != nullptr && params.columns > 0 &&
         params.rows <= INT_MAX && std::isfinite(params.eps) && params.eps >= 0.0f;
}

}  // namespace

template <class T>
cudaError_t RmsNormOnDevice(const RmsNormParams<T>& params, cudaStream_t stream) {
  if (params.rows == 0) return cudaSuccess;
  if (!IsValid(params)) return cudaErrorInvalidValue;
  return Launch<RmsNormKernel<T>>(dim3(static_cast<unsigned>(params.rows)), dim3(kThreads), 0, stream,
                                  params);
}

template cudaError_t RmsNormOnDevice(const RmsNormParams<float>&, cudaStream_t);
template cudaError_t RmsNormOnDevice(const RmsNormParams<__nv_bfloat16>&, cudaStream_t);

}  // namespace kvscope
