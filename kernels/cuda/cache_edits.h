// Rows and pages of caches moved in device memory: the holes that evictions leave, what prefill keeps of a
// prompt, pages that are copied before one of their owners writes.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "kernels/kv_page.h"

namespace kvscope {

// One copy of stored bits. Addresses are of pages or of slots (kernels/cuda/kv_layout.h).
struct CacheEdit {
  enum class What : unsigned { kSlot, kPage };

  std::byte* to;
  const std::byte* from;  // not `to`
  What what;
};

// All pointers are of device memory.
struct CacheEditsParams {
  const CacheEdit* edits;
  const unsigned* begins;  // [lists + 1]: list i is edits [begins[i], begins[i + 1])
  size_t lists;
  unsigned head_dim;  // 8 times a power of two
  KvType kv_type;
};

// Carries out the edits of each list in order. Lists run side by side: none may write what another reads or
// writes. cudaErrorInvalidValue when parameters are not as described; nothing is launched then.
[[nodiscard]] cudaError_t EditCachesOnDevice(const CacheEditsParams& params, cudaStream_t stream);

}  // namespace kvscope
