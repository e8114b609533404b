// Layout of cached keys and values, shared by prefill and decode, on the CPU.
//
// The K/V rows of one KV head of one layer lie in pages of 64 slots. Keys are stored transposed, so that the
// scores of 64 slots are 64 lanes and no kernel needs a horizontal sum. Elements that a product sums together
// lie beside each other, so that they fill 32 bits: 1 of float, 2 of bf16, 4 of int8 (vdpbf16ps, vpdpbusd,
// and the right-hand tiles of AMX, in decode and prefill alike). Of f16, that no such product takes, it is 1.
//   page = K [head_dim / pack][64 slots][pack] | V [64 slots / pack][head_dim][pack]
// int8 rows have a scale of their own, max |x| / 127: key = (k - 128) * scale with k unsigned, value = v *
// scale with v signed. They follow: ... | scales of K, f32 [64] | scales of V, f32 [64]. Slot s is lane s %
// 64 of page s / 64. Slots beyond those in use hold zeros or stale rows; kernels mask them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvscope {

inline constexpr size_t kPageSlots = 64;

// Element type of cached keys and values.
enum class KvType : uint8_t { kF32, kF16, kBF16, kInt8 };

constexpr size_t ElementBytes(KvType type) {
  return type == KvType::kF32 ? 4 : type == KvType::kInt8 ? 1 : 2;
}

// Elements beside each other: slots of a value, dimensions of a key.
constexpr size_t Pack(KvType type) { return type == KvType::kInt8 ? 4 : type == KvType::kBF16 ? 2 : 1; }

// Bytes that one token's key and value take in one KV head, scales included.
constexpr size_t SlotBytes(KvType type, size_t head_dim) {
  return 2 * (head_dim * ElementBytes(type) + (type == KvType::kInt8 ? sizeof(float) : 0));
}

constexpr size_t PageBytes(KvType type, size_t head_dim) { return kPageSlots * SlotBytes(type, head_dim); }

// Where the values of a page begin, and the scales of its keys, which those of its values follow.
constexpr size_t ValuesOffset(KvType type, size_t head_dim) {
  return kPageSlots * head_dim * ElementBytes(type);
}
constexpr size_t ScalesOffset(KvType type, size_t head_dim) { return 2 * ValuesOffset(type, head_dim); }

constexpr std::string_view Name(KvType type) {
  return type == KvType::kF32    ? "f32"
         : type == KvType::kF16  ? "f16"
         : type == KvType::kBF16 ? "bf16"
                                 : "int8";
}

// Writes key and value, [head_dim] each, to a slot of a page, rounding to nearest even. A row that is not
// finite is not finite when it is read back. REQUIRES: head_dim is a multiple of 4.
void StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
               const float* value);

// Reads a slot back as float.
void LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key, float* value);

// Moves the stored bits of a slot, without a conversion. Pages may be the same.
void CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page, size_t to_slot,
              size_t head_dim);

}  // namespace kvscope
