// A head's cache in device memory with random rows, and attention over it in double precision, for tests.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/kv_layout.h"
#include "kernels/half.h"

namespace kvscope {

// `value` as a cache of that type holds it.
inline float AsStored(KvType type, float value) {
  return type == KvType::kF32   ? value
         : type == KvType::kF16 ? F16ToF32(F32ToF16(value))
                                : BF16ToF32(F32ToBF16(value));
}

inline void StoreElement(KvType type, float value, std::byte* to) {
  const uint16_t half = type == KvType::kF16 ? F32ToF16(value) : F32ToBF16(value);
  if (type == KvType::kF32) {
    std::memcpy(to, &value, sizeof(value));
  } else {
    std::memcpy(to, &half, sizeof(half));
  }
}

inline std::vector<float> NormalFloats(std::mt19937& random, size_t n, float scale = 1.0f) {
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

class DeviceCache {
 public:
  // Slots of the last page beyond `slots` hold NaN.
  DeviceCache(std::mt19937& random, KvType type, size_t slots, size_t head_dim)
      : head_dim_(head_dim),
        keys_(NormalFloats(random, slots * head_dim)),
        values_(NormalFloats(random, slots * head_dim)),
        storage_(Stored(type)),
        page_list_(PagePointers(PageBytes(type, head_dim))),
        pages_(page_list_) {
    for (float& key : keys_) key = AsStored(type, key);
    for (float& value : values_) value = AsStored(type, value);
  }

  size_t slots() const { return keys_.size() / head_dim_; }
  const std::vector<float>& keys() const { return keys_; }  // [slots, head_dim], as stored
  const std::byte* const* pages() { return pages_.data(); }  // in device memory
  const std::vector<const std::byte*>& page_list() const { return page_list_; }

  // One query's attention over slots [0, visible).
  struct Attention {
    std::vector<double> probabilities;  // [visible]
    std::vector<double> out;            // [head_dim]
  };
  Attention Attend(const float* q, size_t visible) const {
    Attention attention{std::vector<double>(visible), std::vector<double>(head_dim_)};
    double max = -std::numeric_limits<double>::infinity(), sum = 0;
    for (size_t s = 0; s < visible; ++s) {
      double& score = attention.probabilities[s];
      for (size_t d = 0; d < head_dim_; ++d) score += double{q[d]} * keys_[s * head_dim_ + d];
      score /= std::sqrt(static_cast<double>(head_dim_));
      max = std::max(max, score);
    }
    for (double& p : attention.probabilities) sum += p = std::exp(p - max);
    for (size_t s = 0; s < visible; ++s) {
      attention.probabilities[s] /= sum;
      for (size_t d = 0; d < head_dim_; ++d) {
        attention.out[d] += attention.probabilities[s] * values_[s * head_dim_ + d];
      }
    }
    return attention;
  }

 private:
  size_t PageCount() const { return (slots() + kPageSlots - 1) / kPageSlots; }

  std::vector<std::byte> Stored(KvType type) const {
    const size_t page_bytes = PageBytes(type, head_dim_), bytes = ElementBytes(type);
    std::vector<std::byte> stored(PageCount() * page_bytes, std::byte{0xff});
    for (size_t s = 0; s < slots(); ++s) {
      std::byte* key = SlotAddress(&stored[s / kPageSlots * page_bytes], s % kPageSlots, type, head_dim_);
      std::byte* value = key + ValueOffset(static_cast<unsigned>(head_dim_)) * bytes;
      for (size_t d = 0; d < head_dim_; ++d) {
        StoreElement(type, keys_[s * head_dim_ + d], key + d * bytes);
        StoreElement(type, values_[s * head_dim_ + d], value + d * bytes);
      }
    }
    return stored;
  }

  std::vector<const std::byte*> PagePointers(size_t page_bytes) {
    std::vector<const std::byte*> pages;
    for (size_t p = 0; p < PageCount(); ++p) pages.push_back(storage_.data() + p * page_bytes);
    return pages;
  }

  size_t head_dim_;
  std::vector<float> keys_, values_;  // [slots, head_dim]
  DeviceArray<std::byte> storage_;
  std::vector<const std::byte*> page_list_;
  DeviceArray<const std::byte*> pages_;
};

}  // namespace kvscope
