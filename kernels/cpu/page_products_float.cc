#include <algorithm>
#include <cstdint>

#include "kernels/cpu/page_products.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/page_products_float.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/page_products-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

// Calls function(r, n) for the queries [r, r + n) of each register tile.
template <typename Function>
HWY_INLINE void ForEachTile(size_t queries, const Function& function) {
  for (size_t r = 0; r < queries; r += kMaxQueries) {
    WithQueries(std::min(kMaxQueries, queries - r), [&](auto n) { function(r, n); });
  }
}

template <KvType kType>
HWY_INLINE void ScoresOf(const std::byte* packed, size_t queries, size_t head_dim, const std::byte* bytes,
                         float* scores, size_t stride) {
  const PageOf<kType> page(bytes, head_dim);
  ForEachTile(queries, [&](size_t first, auto n) {
    const float* q[n()];
    for (size_t r = 0; r < n(); ++r)
      q[r] = reinterpret_cast<const float*>(packed + (first + r) * PackedQueryBytes(head_dim));
    PageScores<n()>(q, head_dim, page, scores + first * stride, stride);
  });
}

template <KvType kType>
HWY_INLINE void ValuesOf(const float* weights, size_t stride, size_t queries, size_t head_dim,
                         const std::byte* bytes, float* out) {
  const PageOf<kType> page(bytes, head_dim);
  ForEachTile(queries, [&](size_t first, auto n) {
    float* rows[n()];
    for (size_t r = 0; r < n(); ++r) rows[r] = out + (first + r) * head_dim;
    PageValues<n()>(weights + first * stride, stride, head_dim, page, /*begins=*/false, kPageSlots, rows);
  });
}

void FloatScores(KvType type, const std::byte* packed, size_t queries, size_t head_dim, const std::byte* page,
                 float* scores, size_t stride) {
  switch (type) {
    case KvType::kF32:
      return ScoresOf<KvType::kF32>(packed, queries, head_dim, page, scores, stride);
    case KvType::kF16:
      return ScoresOf<KvType::kF16>(packed, queries, head_dim, page, scores, stride);
    case KvType::kBF16:
      return ScoresOf<KvType::kBF16>(packed, queries, head_dim, page, scores, stride);
    case KvType::kInt8:
      return ScoresOf<KvType::kInt8>(packed, queries, head_dim, page, scores, stride);
  }
}

void FloatValues(KvType type, const float* weights, size_t stride, size_t queries, size_t head_dim,
                 const std::byte* page, float* out) {
  switch (type) {
    case KvType::kF32:
      return ValuesOf<KvType::kF32>(weights, stride, queries, head_dim, page, out);
    case KvType::kF16:
      return ValuesOf<KvType::kF16>(weights, stride, queries, head_dim, page, out);
    case KvType::kBF16:
      return ValuesOf<KvType::kBF16>(weights, stride, queries, head_dim, page, out);
    case KvType::kInt8:
      return ValuesOf<KvType::kInt8>(weights, stride, queries, head_dim, page, out);
  }
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {

HWY_EXPORT(FloatScores);
HWY_EXPORT(FloatValues);

void PackFloat(const float* const* q, size_t queries, size_t head_dim, float factor, std::byte* packed) {
  for (size_t r = 0; r < queries; ++r) {
    auto* row = reinterpret_cast<float*>(packed + r * PackedQueryBytes(head_dim));
    for (size_t d = 0; d < head_dim; ++d) row[d] = factor * q[r][d];
  }
}

template <KvType kType>
void Scores(const std::byte* packed, size_t queries, size_t head_dim, const std::byte* page, float* scores,
            size_t stride) {
  HWY_DYNAMIC_DISPATCH(FloatScores)(kType, packed, queries, head_dim, page, scores, stride);
}

template <KvType kType>
void Values(const float* weights, size_t stride, size_t queries, size_t head_dim, const std::byte* page,
            const std::byte*, float* out) {
  HWY_DYNAMIC_DISPATCH(FloatValues)(kType, weights, stride, queries, head_dim, page, out);
}

template <KvType kType>
constexpr PageProducts kProductsOf = {
    .begin = nullptr, .end = nullptr, .pack = PackFloat, .scores = Scores<kType>, .values = Values<kType>};

}  // namespace

const PageProducts kFloatProducts[4] = {kProductsOf<KvType::kF32>, kProductsOf<KvType::kF16>,
                                        kProductsOf<KvType::kBF16>, kProductsOf<KvType::kInt8>};

}  // namespace kvscope
#endif  // HWY_ONCE
