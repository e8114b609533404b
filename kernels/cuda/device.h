// The one header of CUDA that kernels include: CUDA itself under nvcc, its emulation under a host compiler.
// The same source compiles for both.
#pragma once

#if defined(__CUDACC__)

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

// Declares an array in shared memory, aligned as T and no more. Contents are undefined at first.
#define KVSCOPE_SHARED(T, name, size) __shared__ T name[size]

// Declares `T* name`, the block's dynamic shared memory, aligned to 1024 bytes. Under the name of one untyped
// array: kernels of several types may be in a file.
#define KVSCOPE_DYNAMIC_SHARED(T, name)                                     \
  extern __shared__ __align__(1024) unsigned char kvscope_dynamic_shared[]; \
  T* const name = reinterpret_cast<T*>(kvscope_dynamic_shared)

namespace kvscope {

// kKernel<<<blocks, threads, dynamic_shared_bytes, stream>>>(arguments...), and the error of the launch.
template <auto kKernel, class... Arguments>
[[nodiscard]] cudaError_t Launch(dim3 blocks, dim3 threads, size_t dynamic_shared_bytes, cudaStream_t stream,
                                 Arguments... arguments) {
  kKernel<<<blocks, threads, dynamic_shared_bytes, stream>>>(arguments...);
  return cudaGetLastError();
}

}  // namespace kvscope

#else

#include "kernels/simt/device.h"

#define KVSCOPE_SHARED(T, name, size) \
  T(&name)[size] = ::kvscope::simt::SharedArray<T, size, decltype([] {})>()
#define KVSCOPE_DYNAMIC_SHARED(T, name) T* const name = static_cast<T*>(::kvscope::simt::DynamicShared())

#endif
