#include "kernels/cpu/attention.h"

#include <algorithm>
#include <cstdint>
#include <type_traits>

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

// out[r][first, first + kWidth vectors) += sum over the `n` slots of one page, from slot `begin` on, of
// probability times value, slot by slot; the first page begins the sums.
template <size_t kQueries, size_t kWidth, typename D, typename T>
HWY_INLINE void WeightedValues(D d, const AttentionArgs& args, const T* HWY_RESTRICT values, size_t begin,
                               size_t n, size_t first) {
  using Vector = hn::Vec<D>;
  constexpr size_t kD = hn::MaxLanes(D());
  const size_t stride = PaddedSlots(args.slots);
  Vector sums[kQueries][kWidth];
  for (size_t r = 0; r < kQueries; ++r) {
    for (size_t v = 0; v < kWidth; ++v) {
      sums[r][v] = begin == 0 ? hn::Zero(d) : hn::LoadU(d, args.out[r] + first + v * kD);
    }
  }
  for (size_t j = 0; j < n; ++j) {
    Vector value[kWidth];
    for (size_t v = 0; v < kWidth; ++v) value[v] = LoadAsF32(d, values + j * args.head_dim + first + v * kD);
    for (size_t r = 0; r < kQueries; ++r) {
      const Vector p = hn::Set(d, args.probabilities[r * stride + begin + j]);
      for (size_t v = 0; v < kWidth; ++v) sums[r][v] = hn::MulAdd(p, value[v], sums[r][v]);
    }
  }
  for (size_t r = 0; r < kQueries; ++r) {
    for (size_t v = 0; v < kWidth; ++v) hn::StoreU(sums[r][v], d, args.out[r] + first + v * kD);
  }
}

template <size_t kQueries, typename T>
HWY_INLINE void PageValues(const AttentionArgs& args, const T* HWY_RESTRICT values, size_t begin, size_t n) {
  constexpr size_t kWide = kTileVectors * kLanes;
  const hn::CappedTag<float, kHeadDimMultiple> narrow;
  constexpr size_t kNarrow = hn::MaxLanes(decltype(narrow)());
  size_t first = 0;
  for (; first + kWide <= args.head_dim; first += kWide) {
    WeightedValues<kQueries, kTileVectors>(F(), args, values, begin, n, first);
  }
  for (; first < args.head_dim; first += kNarrow) {
    WeightedValues<kQueries, 1>(narrow, args, values, begin, n, first);
  }
}

// Calls function with the tile's number of queries as a constant.
template <typename Function>
HWY_INLINE void WithQueries(size_t queries, const Function& function) {
  static_assert(kMaxQueries == 6);
  switch (queries) {
    case 1:
      return function(std::integral_constant<size_t, 1>());
    case 2:
      return function(std::integral_constant<size_t, 2>());
    case 3:
      return function(std::integral_constant<size_t, 3>());
    case 4:
      return function(std::integral_constant<size_t, 4>());
    case 5:
      return function(std::integral_constant<size_t, 5>());
    case 6:
      return function(std::integral_constant<size_t, 6>());
  }
}

// Slots that some query of the tile sees.
HWY_INLINE size_t Seen(const AttentionArgs& tile) {
  return *std::max_element(tile.visible, tile.visible + tile.queries);
}

template <typename T>
void AttentionOfType(const AttentionArgs* tiles, size_t n) {
  size_t most = 0;
  for (size_t t = 0; t < n; ++t) most = std::max(most, Seen(tiles[t]));
  for (size_t begin = 0; begin < most; begin += kPageSlots) {
    for (size_t t = 0; t < n; ++t) {
      const AttentionArgs& tile = tiles[t];
      if (begin >= Seen(tile)) continue;
      const T* keys = reinterpret_cast<const T*>(tile.pages[begin / kPageSlots]);
      WithQueries(tile.queries, [&](auto queries) {
        PageScores<queries()>(tile, keys, tile.probabilities + begin, PaddedSlots(tile.slots));
      });
    }
  }
  for (size_t t = 0; t < n; ++t) {
    const size_t stride = PaddedSlots(tiles[t].slots);
    for (size_t r = 0; r < tiles[t].queries; ++r) {
      SoftmaxRow(tiles[t].probabilities + r * stride, tiles[t].visible[r], stride, tiles[t].scale);
    }
  }
  for (size_t begin = 0; begin < most; begin += kPageSlots) {
    for (size_t t = 0; t < n; ++t) {
      const AttentionArgs& tile = tiles[t];
      const size_t seen = Seen(tile);
      if (begin >= seen || tile.out[0] == nullptr) continue;
      const T* values =
          reinterpret_cast<const T*>(tile.pages[begin / kPageSlots]) + tile.head_dim * kPageSlots;
      WithQueries(tile.queries, [&](auto queries) {
        PageValues<queries()>(tile, values, begin, std::min(kPageSlots, seen - begin));
      });
    }
  }
}

void AttentionImpl(const AttentionArgs* tiles, size_t n) {
  switch (tiles->kv_type) {
    case KvType::kF32:
      return AttentionOfType<float>(tiles, n);
    case KvType::kF16:
      return AttentionOfType<hwy::float16_t>(tiles, n);
    case KvType::kBF16:
      return AttentionOfType<hwy::bfloat16_t>(tiles, n);
  }
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {
HWY_EXPORT(AttentionImpl);
}  // namespace

void Attention(const AttentionArgs& tile) { HWY_DYNAMIC_DISPATCH(AttentionImpl)(&tile, 1); }

void Attention(std::span<const AttentionArgs> tiles) {
  if (!tiles.empty()) HWY_DYNAMIC_DISPATCH(AttentionImpl)(tiles.data(), tiles.size());
}

void AccumulateScores(const float* row, size_t n, float* sums) {
  for (size_t j = 0; j < n; ++j) sums[j] += row[j];
}

}  // namespace kvscope
#endif  // HWY_ONCE
