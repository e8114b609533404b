// Cached elements as vectors of float, for kernels over the pages of kernels/kv_page.h. Included once per
// target.
#if defined(KERNELS_CPU_KV_PAGE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERNELS_CPU_KV_PAGE_INL_H_
#undef KERNELS_CPU_KV_PAGE_INL_H_
#else
#define KERNELS_CPU_KV_PAGE_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"
#include "kernels/kv_page.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// What stands in 32 bits, or in one element of a type that is not packed: `Word`. Load reads a vector of
// words, Key and Value take element `kPart` out of each. Those of int8 are still to be multiplied by their
// rows' scales.
template <KvType kType>
struct Stored;

template <>
struct Stored<KvType::kF32> {
  using Word = float;
  template <typename D>
  static HWY_INLINE hn::Vec<D> Load(D d, const Word* HWY_RESTRICT from) {
    return hn::LoadU(d, from);
  }
  template <size_t kPart, typename D>
  static HWY_INLINE hn::Vec<D> Key(D, hn::Vec<D> words) {
    return words;
  }
  template <size_t kPart, typename D>
  static HWY_INLINE hn::Vec<D> Value(D, hn::Vec<D> words) {
    return words;
  }
};

template <>
struct Stored<KvType::kF16> : Stored<KvType::kF32> {
  using Word = hwy::float16_t;
  template <typename D>
  static HWY_INLINE hn::Vec<D> Load(D d, const Word* HWY_RESTRICT from) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, D>(), from));
  }
};

template <>
struct Stored<KvType::kBF16> {
  using Word = uint32_t;
  template <typename D>
  using Words = hn::Vec<hn::Rebind<uint32_t, D>>;

  template <typename D>
  static HWY_INLINE Words<D> Load(D, const Word* HWY_RESTRICT from) {
    return hn::LoadU(hn::Rebind<uint32_t, D>(), from);
  }
  template <size_t kPart, typename D>
  static HWY_INLINE hn::Vec<D> Key(D d, Words<D> words) {
    const hn::Rebind<uint32_t, D> du;
    if constexpr (kPart == 0) return hn::BitCast(d, hn::ShiftLeft<16>(words));
    return hn::BitCast(d, hn::And(words, hn::Set(du, 0xffff0000u)));
  }
  template <size_t kPart, typename D>
  static HWY_INLINE hn::Vec<D> Value(D d, Words<D> words) {
    return Key<kPart>(d, words);
  }
};

template <>
struct Stored<KvType::kInt8> : Stored<KvType::kBF16> {
  template <size_t kPart, typename D>
  static HWY_INLINE hn::Vec<D> Key(D d, Words<D> words) {
    const hn::Rebind<int32_t, D> di;
    const hn::Rebind<uint32_t, D> du;
    const auto byte = hn::And(hn::ShiftRight<8 * kPart>(words), hn::Set(du, 0xffu));
    return hn::ConvertTo(d, hn::Sub(hn::BitCast(di, byte), hn::Set(di, 128)));
  }
  template <size_t kPart, typename D>
  static HWY_INLINE hn::Vec<D> Value(D d, Words<D> words) {
    const hn::Rebind<int32_t, D> di;
    return hn::ConvertTo(d, hn::ShiftRight<24>(hn::BitCast(di, hn::ShiftLeft<24 - 8 * kPart>(words))));
  }
};

// A page's parts. Scales are there for int8 only.
template <KvType kType>
struct PageOf {
  using Word = typename Stored<kType>::Word;

  PageOf(const std::byte* page, size_t head_dim)
      : keys(reinterpret_cast<const Word*>(page)),
        values(reinterpret_cast<const Word*>(page + ValuesOffset(kType, head_dim))),
        key_scales(reinterpret_cast<const float*>(page + ScalesOffset(kType, head_dim))),
        value_scales(key_scales + kPageSlots) {}

  const Word* keys;    // [head_dim / pack][64]
  const Word* values;  // [64 / pack][head_dim]
  const float* key_scales;
  const float* value_scales;
};

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_KV_PAGE_INL_H_
