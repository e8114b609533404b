#include "kernels/simt/launch.h"

#include <algorithm>
#include <map>
#include <utility>

#include "kernels/simt/block.h"
#include "kernels/simt/last_error.h"
#include "kernels/simt/stream.h"

namespace kvscope::simt {
namespace {

constexpr size_t kSharedBytesWithoutAsking = 48 * 1024;

// Kernels that asked for more dynamic shared memory, and how much.
std::map<const void*, size_t>& SharedByteLimits() {
  static auto& limits = *new std::map<const void*, size_t>;
  return limits;
}

size_t SharedByteLimit(const void* function) {
  const auto found = SharedByteLimits().find(function);
  return std::max(kSharedBytesWithoutAsking, found != SharedByteLimits().end() ? found->second : 0);
}

// CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
bool WithinLimits(const dim3& blocks, const dim3& threads) {
  const uint64_t block_threads = uint64_t{threads.x} * threads.y * threads.z;
  const bool any = block_threads > 0 && blocks.x > 0 && blocks.y > 0 && blocks.z > 0;
  return any && threads.x <= 1024 && threads.y <= 1024 && threads.z <= 64 &&
         block_threads <= kMaxBlockThreads && blocks.x <= 0x7fffffff && blocks.y <= 65535 &&
         blocks.z <= 65535;
}

}  // namespace

cudaError_t LaunchInStream(const void* function, std::string_view kernel, dim3 blocks, dim3 threads,
                           size_t dynamic_shared_bytes, cudaStream_t stream, std::function<void()> body) {
  if (!WithinLimits(blocks, threads)) return Remember(cudaErrorInvalidConfiguration);
  if (dynamic_shared_bytes > SharedByteLimit(function)) return Remember(cudaErrorInvalidValue);
  Grid grid{std::string(kernel), blocks, threads, dynamic_shared_bytes, std::move(body)};
  return Remember(Submit(stream, [grid = std::move(grid)] { RunGrid(grid); }));
}

}  // namespace kvscope::simt

using kvscope::simt::Remember;

extern "C" cudaError_t cudaFuncSetAttribute(const void* function, cudaFuncAttribute attribute, int value) {
  if (attribute == cudaFuncAttributePreferredSharedMemoryCarveout) return cudaSuccess;  // a hint
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      static_cast<size_t>(value) > kvscope::simt::kMaxSharedBytes) {
    return Remember(cudaErrorInvalidValue);
  }
  kvscope::simt::SharedByteLimits()[function] = static_cast<size_t>(value);
  return cudaSuccess;
}
