#include "kernels/cuda/cache_edits.h"

#include <climits>

#include "kernels/cuda/device.h"
#include "kernels/cuda/kv_layout.h"

namespace kvscope {
namespace {

constexpr unsigned kThreads = 128;
constexpr unsigned kBlocksPerProcessor = 8;  // at least: up to 64 registers a thread
using Unit = uint4;  // a row is a multiple of it

__device__ __forceinline__ void Copy(const std::byte* from, std::byte* to, unsigned bytes) {
  for (unsigned i = threadIdx.x; i < bytes / sizeof(Unit); i += kThreads) {
    reinterpret_cast<Unit*>(to)[i] = reinterpret_cast<const Unit*>(from)[i];
  }
}

// A block for each list.
__global__ void __launch_bounds__(kThreads, kBlocksPerProcessor)
    EditCachesKernel(const CacheEdit* edits, const unsigned* begins, unsigned row_bytes) {
  const unsigned values = ValueOffset(row_bytes);
  const unsigned end = begins[blockIdx.x + 1];
  for (unsigned i = begins[blockIdx.x]; i < end; ++i) {
    const CacheEdit edit = edits[i];
    if (edit.what == CacheEdit::What::kPage) {
      Copy(edit.from, edit.to, 2 * values);
    } else {
      Copy(edit.from, edit.to, row_bytes);
      Copy(edit.from + values, edit.to + values, row_bytes);
    }
    __syncthreads();  // the next edit may read what this one wrote
  }
}

}  // namespace

cudaError_t EditCachesOnDevice(const CacheEditsParams& params, cudaStream_t stream) {
  if (params.lists == 0) return cudaSuccess;
  const unsigned row_bytes = params.head_dim * static_cast<unsigned>(ElementBytes(params.kv_type));
  if (params.edits == nullptr || params.begins == nullptr || params.lists > INT_MAX ||
      !IsDeviceHeadDim(params.head_dim) || row_bytes % sizeof(Unit) != 0) {
    return cudaErrorInvalidValue;
  }
  return Launch<EditCachesKernel>(dim3(static_cast<unsigned>(params.lists)), dim3(kThreads), 0, stream, params.edits,
                                  params.begins, row_bytes);
}

}  // namespace kvscope
