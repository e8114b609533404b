// Products of a few queries with one page of a cache, in float, for any type of cache: each sum goes element
// by element, slot by slot. Included once per target.
#if defined(KERNELS_CPU_PAGE_PRODUCTS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef KERNELS_CPU_PAGE_PRODUCTS_INL_H_
#undef KERNELS_CPU_PAGE_PRODUCTS_INL_H_
#else
#define KERNELS_CPU_PAGE_PRODUCTS_INL_H_
#endif

#include <cstddef>
#include <type_traits>
#include <utility>

#include "hwy/highway.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/kv_page-inl.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

// Vectors beside each other in a register tile; with kMaxQueries rows of them the sums fill most of the
// registers.
inline constexpr size_t kTileVectors = kVectors == 1 ? 4 : 2;

// Calls function with each constant part of a word, in order.
template <KvType kType, typename Function>
HWY_INLINE void ForEachPart(const Function& function) {
  [&]<size_t... kPart>(std::index_sequence<kPart...>) {
    (function(std::integral_constant<size_t, kPart>()), ...);
  }
  (std::make_index_sequence<Pack(kType)>());
}

// Calls function with the number of queries as a constant.
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

// scores[r * stride + [0, 64)) = q[r] . K of one page, for kQueries queries.
template <size_t kQueries, KvType kType>
HWY_INLINE void PageScores(const float* const* q, size_t head_dim, const PageOf<kType>& page,
                           float* HWY_RESTRICT scores, size_t stride) {
  const F d;
  constexpr size_t kWidth = kTileVectors * kLanes;
  for (size_t lane = 0; lane < kPageSlots; lane += kWidth) {
    V sums[kQueries][kTileVectors];
    for (size_t r = 0; r < kQueries; ++r) {
      for (size_t v = 0; v < kTileVectors; ++v) sums[r][v] = hn::Zero(d);
    }
    for (size_t i = 0; i < head_dim; i += Pack(kType)) {
      decltype(Stored<kType>::Load(d, page.keys)) words[kTileVectors];
      for (size_t v = 0; v < kTileVectors; ++v) {
        words[v] = Stored<kType>::Load(d, page.keys + i / Pack(kType) * kPageSlots + lane + v * kLanes);
      }
      ForEachPart<kType>([&](auto part) {
        V key[kTileVectors];
        for (size_t v = 0; v < kTileVectors; ++v) key[v] = Stored<kType>::template Key<part()>(d, words[v]);
        for (size_t r = 0; r < kQueries; ++r) {
          const V element = hn::Set(d, q[r][i + part()]);
          for (size_t v = 0; v < kTileVectors; ++v) sums[r][v] = hn::MulAdd(element, key[v], sums[r][v]);
        }
      });
    }
    for (size_t r = 0; r < kQueries; ++r) {
      for (size_t v = 0; v < kTileVectors; ++v) {
        if constexpr (kType == KvType::kInt8)
          sums[r][v] = hn::Mul(sums[r][v], hn::LoadU(d, page.key_scales + lane + v * kLanes));
        hn::StoreU(sums[r][v], d, scores + r * stride + lane + v * kLanes);
      }
    }
  }
}

// out[r][first, first + kWidth vectors) += sum over the page's first `n` slots of weight times value, where
// weights[r * stride + slot]; `begins`: = in place of +=.
template <size_t kQueries, size_t kWidth, typename D, KvType kType>
HWY_INLINE void WeightedValues(D d, const float* HWY_RESTRICT weights, size_t stride, size_t head_dim,
                               const PageOf<kType>& page, bool begins, size_t n, size_t first,
                               float* const* out) {
  using Vector = hn::Vec<D>;
  constexpr size_t kD = hn::MaxLanes(D());
  Vector sums[kQueries][kWidth];
  for (size_t r = 0; r < kQueries; ++r) {
    for (size_t v = 0; v < kWidth; ++v) {
      sums[r][v] = begins ? hn::Zero(d) : hn::LoadU(d, out[r] + first + v * kD);
    }
  }
  for (size_t j = 0; j < n; j += Pack(kType)) {
    decltype(Stored<kType>::Load(d, page.values)) words[kWidth];
    for (size_t v = 0; v < kWidth; ++v) {
      words[v] = Stored<kType>::Load(d, page.values + j / Pack(kType) * head_dim + first + v * kD);
    }
    ForEachPart<kType>([&](auto part) {
      const size_t slot = j + part();
      if (slot >= n) return;
      Vector value[kWidth];
      for (size_t v = 0; v < kWidth; ++v) value[v] = Stored<kType>::template Value<part()>(d, words[v]);
      for (size_t r = 0; r < kQueries; ++r) {
        float weight = weights[r * stride + slot];
        if constexpr (kType == KvType::kInt8) weight *= page.value_scales[slot];
        const Vector w = hn::Set(d, weight);
        for (size_t v = 0; v < kWidth; ++v) sums[r][v] = hn::MulAdd(w, value[v], sums[r][v]);
      }
    });
  }
  for (size_t r = 0; r < kQueries; ++r) {
    for (size_t v = 0; v < kWidth; ++v) hn::StoreU(sums[r][v], d, out[r] + first + v * kD);
  }
}

// The same for whole rows, out[r]: [head_dim].
template <size_t kQueries, KvType kType>
HWY_INLINE void PageValues(const float* weights, size_t stride, size_t head_dim, const PageOf<kType>& page,
                           bool begins, size_t n, float* const* out) {
  constexpr size_t kWide = kTileVectors * kLanes;
  const hn::CappedTag<float, kHeadDimMultiple> narrow;
  constexpr size_t kNarrow = hn::MaxLanes(decltype(narrow)());
  size_t first = 0;
  for (; first + kWide <= head_dim; first += kWide) {
    WeightedValues<kQueries, kTileVectors>(F(), weights, stride, head_dim, page, begins, n, first, out);
  }
  for (; first < head_dim; first += kNarrow) {
    WeightedValues<kQueries, 1>(narrow, weights, stride, head_dim, page, begins, n, first, out);
  }
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // KERNELS_CPU_PAGE_PRODUCTS_INL_H_
