// Memory that pages of cached keys and values lie in, and how their rows get there.
#pragma once

#include <cstddef>

#include "kernels/kv_page.h"

namespace kvscope {

// Addresses are opaque to who holds them: those of a device mean nothing to the host.
class PageMemory {
 public:
  virtual ~PageMemory() = default;

  // Throws std::bad_alloc. The content is unspecified where kernels mask slots that are not in use, else
  // zeros.
  virtual std::byte* Allocate(size_t bytes) = 0;
  virtual void Free(std::byte* page, size_t bytes) = 0;
  virtual void CopyPage(const std::byte* from, std::byte* to, size_t bytes) = 0;

  // As the functions of kernels/kv_page.h. `key` and `value` lie where this memory takes them from.
  virtual void StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
                         const float* value) = 0;
  virtual void CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page,
                        size_t to_slot, size_t head_dim) = 0;
  // `key`, `value`: [head_dim] each, of the host.
  virtual void LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key,
                        float* value) = 0;
};

// The host's, with the layout of kernels/kv_page.h. Thread-safe but for accesses to the same page.
PageMemory& HostPageMemory();

}  // namespace kvscope
