#include "kernels/kv_page.h"

#include "kernels/half.h"

namespace kvscope {
namespace {

struct F32 {
  using Stored = float;
  static float Narrow(float value) { return value; }
  static float Widen(float stored) { return stored; }
};
struct F16 {
  using Stored = uint16_t;
  static uint16_t Narrow(float value) { return F32ToF16(value); }
  static float Widen(uint16_t stored) { return F16ToF32(stored); }
};
struct BF16 {
  using Stored = uint16_t;
  static uint16_t Narrow(float value) { return F32ToBF16(value); }
  static float Widen(uint16_t stored) { return BF16ToF32(stored); }
};

template <typename Function>
void WithType(KvType type, const Function& function) {
  switch (type) {
    case KvType::kF32:
      return function(F32());
    case KvType::kF16:
      return function(F16());
    case KvType::kBF16:
      return function(BF16());
  }
}

// First key element of a slot (the next is kPageSlots further), and first value element (the next follows).
template <typename T>
T* KeyOf(T* page, size_t slot) {
  return page + slot;
}
template <typename T>
T* ValueOf(T* page, size_t slot, size_t head_dim) {
  return page + head_dim * kPageSlots + slot * head_dim;
}

}  // namespace

void StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
               const float* value) {
  WithType(type, [&]<typename T>(T) {
    auto* stored = reinterpret_cast<typename T::Stored*>(page);
    auto* to_key = KeyOf(stored, slot);
    auto* to_value = ValueOf(stored, slot, head_dim);
    for (size_t d = 0; d < head_dim; ++d) {
      to_key[d * kPageSlots] = T::Narrow(key[d]);
      to_value[d] = T::Narrow(value[d]);
    }
  });
}

void LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key, float* value) {
  WithType(type, [&]<typename T>(T) {
    const auto* stored = reinterpret_cast<const typename T::Stored*>(page);
    const auto* from_key = KeyOf(stored, slot);
    const auto* from_value = ValueOf(stored, slot, head_dim);
    for (size_t d = 0; d < head_dim; ++d) {
      key[d] = T::Widen(from_key[d * kPageSlots]);
      value[d] = T::Widen(from_value[d]);
    }
  });
}

void CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page, size_t to_slot,
              size_t head_dim) {
  WithType(type, [&]<typename T>(T) {
    const auto* from = reinterpret_cast<const typename T::Stored*>(from_page);
    auto* to = reinterpret_cast<typename T::Stored*>(to_page);
    const auto* from_value = ValueOf(from, from_slot, head_dim);
    auto* to_value = ValueOf(to, to_slot, head_dim);
    for (size_t d = 0; d < head_dim; ++d) {
      KeyOf(to, to_slot)[d * kPageSlots] = KeyOf(from, from_slot)[d * kPageSlots];
      to_value[d] = from_value[d];
    }
  });
}

}  // namespace kvscope
