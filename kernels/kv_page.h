// Layout of cached keys and values, shared by prefill and decode, on the CPU.
//
// The K/V rows of one KV head of one layer lie in pages of 64 slots. Keys are stored transposed, so that the
// scores of 64 slots are 64 lanes and no kernel needs a horizontal sum:
//   page = K [head_dim][64 slots] | V [64 slots][head_dim]
// Slot s is lane s % 64 of page s / 64. Slots beyond those in use hold zeros or stale rows; kernels mask
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvscope {

inline constexpr size_t kPageSlots = 64;

// Element type of cached keys and values.
enum class KvType : uint8_t { kF32, kF16, kBF16 };

constexpr size_t ElementBytes(KvType type) { return type == KvType::kF32 ? 4 : 2; }

// Bytes that one token's key and value take in one KV head.
constexpr size_t SlotBytes(KvType type, size_t head_dim) { return 2 * head_dim * ElementBytes(type); }

constexpr size_t PageBytes(KvType type, size_t head_dim) { return kPageSlots * SlotBytes(type, head_dim); }

constexpr std::string_view Name(KvType type) {
  return type == KvType::kF32 ? "f32" : type == KvType::kF16 ? "f16" : "bf16";
}

// Writes key and value, [head_dim] each, to a slot of a page, rounding to nearest even.
void StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
               const float* value);

// Reads a slot back as float.
void LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key, float* value);

// Moves the stored bits of a slot, without a conversion. Pages may be the same.
void CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page, size_t to_slot,
              size_t head_dim);

}  // namespace kvscope
