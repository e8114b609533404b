// What both forms of a prompt's attention make of their parameters.
#pragma once

#include <climits>
#include <cmath>

#include "kernels/cuda/device.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/cuda/prefill_attention.h"

namespace kvscope {
namespace {

// Page number `page` of what a query head reads.
template <class Kv>
__device__ __forceinline__ const Kv* Page(const PrefillAttentionParams& params, unsigned head, unsigned page) {
  constexpr unsigned kSlots = 64;
  static_assert(kSlots == kPageSlots);
  const unsigned kv_head = head / (params.heads / params.kv_heads);
  const unsigned pages = (params.prompt + kSlots - 1) / kSlots;
  return reinterpret_cast<const Kv*>(params.pages[static_cast<size_t>(kv_head) * pages + page]);
}

inline bool IsValid(const PrefillAttentionParams& params) {
  return params.q != nullptr && params.pages != nullptr && params.max != nullptr && params.sum != nullptr &&
         params.heads > 0 && params.heads <= 65535 && params.kv_heads > 0 && params.heads % params.kv_heads == 0 &&
         IsDeviceHeadDim(params.head_dim) && std::isfinite(params.scale) && params.prompt <= INT_MAX &&
         params.unmasked_before <= params.prompt;
}

// More shared memory than a kernel gets unasked.
template <auto kKernel>
cudaError_t AllowShared(size_t bytes) {
  return cudaFuncSetAttribute(kKernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes));
}

}  // namespace
}  // namespace kvscope
