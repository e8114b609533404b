#include "kernels/cuda/rope_cache.h"

#include <climits>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/kv_dispatch.h"
#include "kernels/cuda/kv_layout.h"

namespace kvscope {
namespace {

constexpr int kThreads = 64;

// One head's row; a thread for each pair of elements.
template <class From, class To>
__device__ __forceinline__ void Rotate(const From* head, unsigned head_dim, const float* cosine, const float* sine,
                                       To* out) {
  const unsigned half = head_dim / 2;
  for (unsigned i = threadIdx.x; i < half; i += kThreads) {
    const float low = ToFloat(head[i]);
    const float high = ToFloat(head[i + half]);
    Store(low * cosine[i] - high * sine[i], &out[i]);
    Store(high * cosine[i] + low * sine[i], &out[i + half]);
  }
}

// A block for each query head of each token, then one for each write.
template <class T, class Kv>
__global__ void __launch_bounds__(kThreads) RopeCacheKernel(RopeCacheParams<T> params) {
  const size_t half = params.head_dim / 2;
  const size_t query_blocks = static_cast<size_t>(params.tokens) * params.heads;
  if (blockIdx.x < query_blocks) {
    const size_t position = static_cast<size_t>(params.positions[blockIdx.x / params.heads]);
    const size_t first = static_cast<size_t>(blockIdx.x) * params.head_dim;
    Rotate(params.q + first, params.head_dim, params.cosine + position * half, params.sine + position * half,
           params.rotated_q + first);
    return;
  }
  const CacheWrite write = params.writes[blockIdx.x - query_blocks];
  if (write.slot == nullptr) return;
  const size_t position = static_cast<size_t>(params.positions[write.token]);
  const size_t first = (static_cast<size_t>(write.token) * params.kv_heads + write.kv_head) * params.head_dim;
  Kv* const key = reinterpret_cast<Kv*>(write.slot);
  Kv* const value = key + ValueOffset(params.head_dim);
  Rotate(params.k + first, params.head_dim, params.cosine + position * half, params.sine + position * half, key);
  for (unsigned i = threadIdx.x; i < params.head_dim; i += kThreads) Store(ToFloat(params.v[first + i]), &value[i]);
}

template <class T>
bool IsValid(const RopeCacheParams<T>& params) {
  const bool has_inputs = params.q != nullptr && params.k != nullptr && params.v != nullptr &&
                          params.positions != nullptr && params.cosine != nullptr && params.sine != nullptr &&
                          params.rotated_q != nullptr && (params.writes != nullptr || params.write_count == 0);
  return has_inputs && params.heads > 0 && params.kv_heads > 0 && IsDeviceHeadDim(params.head_dim) &&
         params.write_count <= INT_MAX &&
         static_cast<size_t>(params.tokens) * params.heads + params.write_count <= INT_MAX;
}

}  // namespace

template <class T>
cudaError_t RopeCacheOnDevice(const RopeCacheParams<T>& params, cudaStream_t stream) {
  if (params.tokens == 0 && params.write_count == 0) return cudaSuccess;
  if (!IsValid(params)) return cudaErrorInvalidValue;
  const size_t blocks = static_cast<size_t>(params.tokens) * params.heads + params.write_count;
  return WithKvElement(params.kv_type, [&]<class Kv>(Kv) {
    return Launch<RopeCacheKernel<T, Kv>>(dim3(static_cast<unsigned>(blocks)), dim3(kThreads), 0, stream, params);
  });
}

template cudaError_t RopeCacheOnDevice(const RopeCacheParams<float>&, cudaStream_t);
template cudaError_t RopeCacheOnDevice(const RopeCacheParams<__nv_bfloat16>&, cudaStream_t);

}  // namespace kvscope
