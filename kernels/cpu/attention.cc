#include "kernels/cpu/attention.h"

#include <algorithm>
#include <cstdint>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/attention.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "kernels/cpu/page_products-inl.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

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

// Slots that some query of the tile sees.
HWY_INLINE size_t Seen(const AttentionArgs& tile) {
  return *std::max_element(tile.visible, tile.visible + tile.queries);
}

template <KvType kType>
void AttentionOfType(const AttentionArgs* tiles, size_t n) {
  size_t most = 0;
  for (size_t t = 0; t < n; ++t) most = std::max(most, Seen(tiles[t]));
  for (size_t begin = 0; begin < most; begin += kPageSlots) {
    for (size_t t = 0; t < n; ++t) {
      const AttentionArgs& tile = tiles[t];
      if (begin >= Seen(tile)) continue;
      const PageOf<kType> page(tile.pages[begin / kPageSlots], tile.head_dim);
      WithQueries(tile.queries, [&](auto queries) {
        PageScores<queries()>(tile.q, tile.head_dim, page, tile.probabilities + begin,
                              PaddedSlots(tile.slots));
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
      const PageOf<kType> page(tile.pages[begin / kPageSlots], tile.head_dim);
      WithQueries(tile.queries, [&](auto queries) {
        PageValues<queries()>(tile.probabilities + begin, PaddedSlots(tile.slots), tile.head_dim, page,
                              begin == 0, std::min(kPageSlots, seen - begin), tile.out);
      });
    }
  }
}

void AttentionImpl(const AttentionArgs* tiles, size_t n) {
  switch (tiles->kv_type) {
    case KvType::kF32:
      return AttentionOfType<KvType::kF32>(tiles, n);
    case KvType::kF16:
      return AttentionOfType<KvType::kF16>(tiles, n);
    case KvType::kBF16:
      return AttentionOfType<KvType::kBF16>(tiles, n);
    case KvType::kInt8:
      return AttentionOfType<KvType::kInt8>(tiles, n);
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
