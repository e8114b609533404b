#include "kernels/cpu/attention.h"

#include <algorithm>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

// Vectors beside each other in a register tile; with kMaxQueries rows of them the sums fill most of the
// registers.
inline constexpr size_t kTileVectors = kVectors == 1 ? 4 : 2;

template <typename D>
HWY_INLINE hn::Vec<D> LoadAsF32(D d, const float* HWY_RESTRICT from) {
  return hn::LoadU(d, from);
}
template <typename D, typename Half>
HWY_INLINE hn::Vec<D> LoadAsF32(D d, const Half* HWY_RESTRICT from) {
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<Half, D>(), from));
}

// scores[r][0, 64) = q[r] . K of one page, for kQueries queries.
template <size_t kQueries, typename T>
HWY_INLINE void PageScores(const AttentionArgs& args, const T* HWY_RESTRICT keys, float* HWY_RESTRICT scores,
                           size_t scores_stride) {
  const F d;
  constexpr size_t kWidth = kTileVectors * kLanes;
  for (size_t lane = 0; lane < kPageSlots; lane += kWidth) {
    V sums[kQueries][kTileVectors];
    for (size_t r = 0; r < kQueries; ++r) {
      for (size_t v = 0; v < kTileVectors; ++v) sums[r][v] = hn::Zero(d);
    }
    for (size_t i = 0; i < args.head_dim; ++i) {
      V key[kTileVectors];
      for (size_t v = 0; v < kTileVectors; ++v) {
        key[v] = LoadAsF32(d, keys + i * kPageSlots + lane + v * kLanes);
      }
      for (size_t r = 0; r < kQueries; ++r) {
        const V q = hn::Set(d, args.q[r][i]);
        for (size_t v = 0; v < kTileVectors; ++v) sums[r][v] = hn::MulAdd(q, key[v], sums[r][v]);
      }
    }
    for (size_t r = 0; r < kQueries; ++r) {
      for (size_t v = 0; v < kTileVectors; ++v) {
        hn::StoreU(sums[r][v], d, scores + r * scores_stride + lane + v * kLanes);
      }
    }
  }
}

// Scores to probabilities, in place. row: [padded], padded a multiple of 64; elements from `visible` on
// become 0.
HWY_INLINE void SoftmaxRow(float* HWY_RESTRICT row, size_t visible, size_t padded, float scale) {
  const F d;
  constexpr float kHidden = -1e30f;  // exp underflows to 0, and no infinity meets an infinity
  const V scales = hn::Set(d, scale);
  V maxima = hn::Set(d, kHidden);
  const size_t end = PaddedSlots(visible);
  std::fill(row + visible, row + end, kHidden);
  std::fill(row + end, row + padded, 0.0f);
  for (size_t j = 0; j < end; j += kLanes) {
    const V s = hn::Mul(hn::LoadU(d, row + j), scales);
    hn::StoreU(s, d, row + j);
    maxima = hn::Max(maxima, s);
  }
  const V max = hn::MaxOfLanes(d, maxima);
  V sums[kVectors];
  for (V& sum : sums) sum = hn::Zero(d);
  for (size_t j = 0; j < end; j += kSumLanes) {
    for (size_t v = 0; v < kVectors; ++v) {
      const V e = hn::Exp(d, hn::Sub(hn::LoadU(d, row + j + v * kLanes), max));
      hn::StoreU(e, d, row + j + v * kLanes);
      sums[v] = hn::Add(sums[v], e);
    }
  }
  const V inverse = hn::Set(d, 1.0f / SumLanes(sums));
  for (size_t j = 0; j < end; j += kLanes) hn::StoreU(hn::Mul(hn::LoadU(d, row + j), inverse), d, row + j);
}

// out[r][first, first + kWidth vectors) = sum over slots of probability times value, slot by slot.
template <size_t kQueries, size_t kWidth, typename D, typename T>
HWY_INLINE void WeightedValues(D d, const AttentionArgs& args, size_t slots, size_t stride, size_t first) {
  using Vector = hn::Vec<D>;
  constexpr size_t kD = hn::MaxLanes(D());
  Vector sums[kQueries][kWidth];
  for (size_t r = 0; r < kQueries; ++r) {
    for (size_t v = 0; v < kWidth; ++v) sums[r][v] = hn::Zero(d);
  }
  for (size_t begin = 0; begin < slots; begin += kPageSlots) {
    const T* values =
        reinterpret_cast<const T*>(args.pages[begin / kPageSlots]) + args.head_dim * kPageSlots + first;
    const size_t n = std::min(kPageSlots, slots - begin);
    for (size_t j = 0; j < n; ++j) {
      Vector value[kWidth];
      for (size_t v = 0; v < kWidth; ++v) value[v] = LoadAsF32(d, values + j * args.head_dim + v * kD);
      for (size_t r = 0; r < kQueries; ++r) {
        const Vector p = hn::Set(d, args.probabilities[r * stride + begin + j]);
        for (size_t v = 0; v < kWidth; ++v) sums[r][v] = hn::MulAdd(p, value[v], sums[r][v]);
      }
    }
  }
  for (size_t r = 0; r < kQueries; ++r) {
    for (size_t v = 0; v < kWidth; ++v) hn::StoreU(sums[r][v], d, args.out[r] + first + v * kD);
  }
}

template <size_t kQueries, typename T>
void AttentionOf(const AttentionArgs& args) {
  const size_t stride = PaddedSlots(args.slots);
  const size_t slots = *std::max_element(args.visible, args.visible + kQueries);
  for (size_t begin = 0; begin < slots; begin += kPageSlots) {
    PageScores<kQueries>(args, reinterpret_cast<const T*>(args.pages[begin / kPageSlots]),
                         args.probabilities + begin, stride);
  }
  for (size_t r = 0; r < kQueries; ++r) {
    SoftmaxRow(args.probabilities + r * stride, args.visible[r], stride, args.scale);
  }
  if (args.out[0] == nullptr) return;
  constexpr size_t kWide = kTileVectors * kLanes;
  const hn::CappedTag<float, kHeadDimMultiple> narrow;
  constexpr size_t kNarrow = hn::MaxLanes(decltype(narrow)());
  size_t first = 0;
  for (; first + kWide <= args.head_dim; first += kWide) {
    WeightedValues<kQueries, kTileVectors, F, T>(F(), args, slots, stride, first);
  }
  for (; first < args.head_dim; first += kNarrow) {
    WeightedValues<kQueries, 1, decltype(narrow), T>(narrow, args, slots, stride, first);
  }
}

template <typename T>
void AttentionOfType(const AttentionArgs& args) {
  static_assert(kMaxQueries == 6);
  switch (args.queries) {
    case 1:
      return AttentionOf<1, T>(args);
    case 2:
      return AttentionOf<2, T>(args);
    case 3:
      return AttentionOf<3, T>(args);
    case 4:
      return AttentionOf<4, T>(args);
    case 5:
      return AttentionOf<5, T>(args);
    case 6:
      return AttentionOf<6, T>(args);
  }
}

void AttentionImpl(const AttentionArgs& args) {
  switch (args.kv_type) {
    case KvType::kF32:
      return AttentionOfType<float>(args);
    case KvType::kF16:
      return AttentionOfType<hwy::float16_t>(args);
    case KvType::kBF16:
      return AttentionOfType<hwy::bfloat16_t>(args);
  }
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {
HWY_EXPORT(AttentionImpl);
}  // namespace

void Attention(const AttentionArgs& args) { HWY_DYNAMIC_DISPATCH(AttentionImpl)(args); }

void AccumulateScores(const float* row, size_t n, float* sums) {
  for (size_t j = 0; j < n; ++j) sums[j] += row[j];
}

}  // namespace kvscope
#endif  // HWY_ONCE
