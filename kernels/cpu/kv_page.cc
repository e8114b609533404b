#include "kernels/kv_page.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/half.h"

namespace kvscope {
namespace {

// Of each type: how a row's elements are narrowed and widened. `scale` is the row's, 1 but for int8.
struct F32 {
  using Stored = float;
  static constexpr KvType kType = KvType::kF32;
  static float Narrow(float value, float) { return value; }
  static float Widen(float stored, float) { return stored; }
};
struct F16 {
  using Stored = uint16_t;
  static constexpr KvType kType = KvType::kF16;
  static uint16_t Narrow(float value, float) { return F32ToF16(value); }
  static float Widen(uint16_t stored, float) { return F16ToF32(stored); }
};
struct BF16 {
  using Stored = uint16_t;
  static constexpr KvType kType = KvType::kBF16;
  static uint16_t Narrow(float value, float) { return F32ToBF16(value); }
  static float Widen(uint16_t stored, float) { return BF16ToF32(stored); }
};
// The stored byte less `kOffset` times the scale.
template <int kOffset>
struct Int8 {
  using Stored = uint8_t;
  static constexpr KvType kType = KvType::kInt8;
  static uint8_t Narrow(float value, float scale) {
    // A scale that is no number makes whatever is stored none.
    const float quantized = scale > 0 && std::isfinite(scale) ? std::nearbyint(value / scale) : 0.0f;
    return static_cast<uint8_t>(static_cast<int>(quantized) + kOffset);
  }
  static float Widen(uint8_t stored, float scale) {
    const int quantized = kOffset == 0 ? static_cast<int8_t>(stored) : stored - kOffset;
    return static_cast<float>(quantized) * scale;
  }
};

template <typename OfKeys, typename OfValues = OfKeys>
struct Row {
  using Keys = OfKeys;
  using Values = OfValues;
};

template <typename Function>
void WithType(KvType type, const Function& function) {
  switch (type) {
    case KvType::kF32:
      return function(Row<F32>());
    case KvType::kF16:
      return function(Row<F16>());
    case KvType::kBF16:
      return function(Row<BF16>());
    case KvType::kInt8:
      return function(Row<Int8<128>, Int8<0>>());
  }
}

// One slot of a page, of which `Byte` is const or not.
template <typename Type, typename Byte>
class SlotOf {
  template <typename T>
  using Like = std::conditional_t<std::is_const_v<Byte>, const T, T>;

 public:
  SlotOf(Byte* page, size_t slot, size_t head_dim) : page_(page), slot_(slot), head_dim_(head_dim) {}

  auto& key(size_t d) const { return elements()[(d / kPack * kPageSlots + slot_) * kPack + d % kPack]; }
  auto& value(size_t d) const {
    const size_t values = kPageSlots * head_dim_;
    return elements()[values + (slot_ / kPack * head_dim_ + d) * kPack + slot_ % kPack];
  }
  // REQUIRES: kHasScales.
  auto& key_scale() const { return scales()[slot_]; }
  auto& value_scale() const { return scales()[kPageSlots + slot_]; }

  static constexpr bool kHasScales = Type::kType == KvType::kInt8;

 private:
  static constexpr size_t kPack = Pack(Type::kType);

  auto* elements() const { return reinterpret_cast<Like<typename Type::Stored>*>(page_); }
  auto* scales() const {
    return reinterpret_cast<Like<float>*>(page_ + ScalesOffset(Type::kType, head_dim_));
  }

  Byte* page_;
  size_t slot_;
  size_t head_dim_;
};

// max |x| / 127; NaN where an element is not finite.
float ScaleOf(const float* row, size_t n) {
  float most = 0;
  for (size_t i = 0; i < n; ++i) {
    const float size = std::fabs(row[i]);
    if (!(size <= std::numeric_limits<float>::max())) return std::numeric_limits<float>::quiet_NaN();
    most = std::max(most, size);
  }
  return most / 127;
}

}  // namespace

void StoreSlot(KvType type, std::byte* page, size_t slot, size_t head_dim, const float* key,
               const float* value) {
  WithType(type, [&]<typename R>(R) {
    const SlotOf<typename R::Keys, std::byte> stored(page, slot, head_dim);
    float key_scale = 1, value_scale = 1;
    if constexpr (stored.kHasScales) {
      stored.key_scale() = key_scale = ScaleOf(key, head_dim);
      stored.value_scale() = value_scale = ScaleOf(value, head_dim);
    }
    for (size_t d = 0; d < head_dim; ++d) stored.key(d) = R::Keys::Narrow(key[d], key_scale);
    for (size_t d = 0; d < head_dim; ++d) stored.value(d) = R::Values::Narrow(value[d], value_scale);
  });
}

void LoadSlot(KvType type, const std::byte* page, size_t slot, size_t head_dim, float* key, float* value) {
  WithType(type, [&]<typename R>(R) {
    const SlotOf<typename R::Keys, const std::byte> stored(page, slot, head_dim);
    float key_scale = 1, value_scale = 1;
    if constexpr (stored.kHasScales) {
      key_scale = stored.key_scale();
      value_scale = stored.value_scale();
    }
    for (size_t d = 0; d < head_dim; ++d) key[d] = R::Keys::Widen(stored.key(d), key_scale);
    for (size_t d = 0; d < head_dim; ++d) value[d] = R::Values::Widen(stored.value(d), value_scale);
  });
}

void CopySlot(KvType type, const std::byte* from_page, size_t from_slot, std::byte* to_page, size_t to_slot,
              size_t head_dim) {
  WithType(type, [&]<typename R>(R) {
    const SlotOf<typename R::Keys, const std::byte> from(from_page, from_slot, head_dim);
    const SlotOf<typename R::Keys, std::byte> to(to_page, to_slot, head_dim);
    for (size_t d = 0; d < head_dim; ++d) {
      to.key(d) = from.key(d);
      to.value(d) = from.value(d);
    }
    if constexpr (to.kHasScales) {
      to.key_scale() = from.key_scale();
      to.value_scale() = from.value_scale();
    }
  });
}

}  // namespace kvscope
