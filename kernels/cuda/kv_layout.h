// Layout of cached keys and values in device memory.
//
// As on the CPU (kernels/kv_page.h) the rows of one cached head of one layer lie in pages of kPageSlots
// slots, of PageBytes(type, head_dim) bytes; but a key is contiguous, as a value is:
//   page = K [kPageSlots][head_dim] | V [kPageSlots][head_dim]
// so that neighbouring lanes load 16 bytes each of one row. Slot s of a head is row s % kPageSlots of its
// page s / kPageSlots. A page is aligned to 16 bytes.
//
// A slot's address is that of its key; its value lies ValueOffset elements further.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "kernels/half.h"
#include "kernels/kv_page.h"

namespace kvscope {

// head_dim must be 8 times a power of two, and at most kMaxDeviceHeadDim: 8 elements a lane, a row in a warp.
inline constexpr unsigned kMaxDeviceHeadDim = 256;

inline bool IsDeviceHeadDim(unsigned head_dim) {
  return head_dim >= 8 && head_dim <= kMaxDeviceHeadDim && (head_dim & (head_dim - 1)) == 0;
}

// Elements between a slot's key and its value.
__host__ __device__ inline unsigned ValueOffset(unsigned head_dim) { return 64 * head_dim; }
static_assert(kPageSlots == 64);

inline std::byte* SlotAddress(std::byte* page, size_t slot, KvType type, size_t head_dim) {
  return page + slot * head_dim * ElementBytes(type);
}

// An element as a cache of that type holds it, in the host's memory.
inline float LoadElement(KvType type, const std::byte* from) {
  float value;
  uint16_t half;
  if (type == KvType::kF32) {
    std::memcpy(&value, from, sizeof(value));
    return value;
  }
  std::memcpy(&half, from, sizeof(half));
  return type == KvType::kF16 ? F16ToF32(half) : BF16ToF32(half);
}

}  // namespace kvscope
