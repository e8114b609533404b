#include "kernels/cpu/fast_decode.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/cpu/cpu_level.h"
#include "kernels/cpu/page_products.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/fast_decode.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

inline constexpr float kHidden = -1e30f;  // 2^ that is 0, and no infinity meets an infinity

HWY_INLINE void Scale(float* HWY_RESTRICT row, size_t n, float factor) {
  for (size_t i = 0; i < n; ++i) row[i] *= factor;
}

HWY_INLINE float MaxOfPage(const float* HWY_RESTRICT scores) {
  const F d;
  V max = hn::LoadU(d, scores);
  for (size_t s = kLanes; s < kPageSlots; s += kLanes) max = hn::Max(max, hn::LoadU(d, scores + s));
  return hn::GetLane(hn::MaxOfLanes(d, max));
}

// scores[s] = 2^(scores[s] - max), added to the interleaved sums.
HWY_INLINE void ToWeights(float* HWY_RESTRICT scores, float max, V (&sums)[kVectors]) {
  const F d;
  const V reference = hn::Set(d, max);
  for (size_t s = 0; s < kPageSlots; s += kSumLanes) {
    for (size_t v = 0; v < kVectors; ++v) {
      float* at = scores + s + v * kLanes;
      const V weight = Exp2(d, hn::Sub(hn::LoadU(d, at), reference));
      hn::StoreU(weight, d, at);
      sums[v] = hn::Add(sums[v], weight);
    }
  }
}

void AttendChunkImpl(const DecodeTile& tile, size_t chunk, const PageProducts& products) {
  const F d;
  HWY_ALIGN_MAX std::byte packed[kMaxQueries * PackedQueryBytes(kMaxFastHeadDim)];
  HWY_ALIGN_MAX float unkept[kMaxQueries * kPageSlots];
  const size_t queries = tile.queries, head_dim = tile.head_dim;
  const size_t pages = PaddedSlots(tile.slots) / kPageSlots;
  const size_t chunk_pages = ChunkPages(tile.slots);
  const size_t begin = chunk * chunk_pages, end = std::min(pages, begin + chunk_pages);
  const bool keep = tile.rows.weights != nullptr;
  const size_t stride = keep ? PaddedSlots(tile.slots) : kPageSlots;
  float* out = tile.parts + chunk * queries * head_dim;
  float* max = tile.sums[chunk].max;
  V sums[kMaxQueries][kVectors];
  std::fill_n(out, queries * head_dim, 0.0f);
  for (size_t r = 0; r < queries; ++r) {
    max[r] = kHidden;
    for (V& sum : sums[r]) sum = hn::Zero(d);
  }
  products.pack(tile.q, queries, head_dim, tile.scale * std::numbers::log2e_v<float>, packed);
  for (size_t page = begin; page < end; ++page) {
    float* weights = keep ? tile.rows.weights + page * kPageSlots : unkept;
    products.scores(packed, queries, head_dim, tile.pages[page], weights, stride);
    const size_t used = std::min(kPageSlots, tile.slots - page * kPageSlots);
    for (size_t r = 0; r < queries; ++r) {
      float* row = weights + r * stride;
      std::fill(row + used, row + kPageSlots, kHidden);
      const float page_max = MaxOfPage(row);
      if (page_max > max[r]) {
        const float shrink = std::exp2(max[r] - page_max);
        Scale(out + r * head_dim, head_dim, shrink);
        for (V& sum : sums[r]) sum = hn::Mul(sum, hn::Set(d, shrink));
        max[r] = page_max;
      }
      ToWeights(row, max[r], sums[r]);
      if (keep) tile.rows.references[r * pages + page] = max[r];
    }
    products.values(weights, stride, queries, head_dim, tile.pages[page],
                    tile.pages[std::min(page + 1, pages - 1)], out);
  }
  for (size_t r = 0; r < queries; ++r) tile.sums[chunk].sum[r] = SumLanes(sums[r]);
}

void CombineProbabilitiesImpl(std::span<const QueryWeights> queries, bool maximum, float share, size_t first,
                              size_t slots, float* HWY_RESTRICT scores) {
  const F d;
  for (size_t q = 0; q < queries.size(); ++q) {
    const QueryWeights& query = queries[q];
    float reference = 0, factor = 0;
    for (size_t page = first / kPageSlots; page * kPageSlots < slots; ++page) {
      // Successive pages mostly have the same.
      if (factor == 0 || query.references[page] != reference) {
        reference = query.references[page];
        factor = share * std::exp2(reference - query.max) / query.sum;
      }
      const V factors = hn::Set(d, factor);
      for (size_t s = page * kPageSlots; s < (page + 1) * kPageSlots; s += kLanes) {
        const V probability = hn::Mul(hn::LoadU(d, query.weights + s), factors);
        const V before = q == 0 ? probability : hn::LoadU(d, scores + s);
        hn::StoreU(q == 0    ? probability
                   : maximum ? hn::Max(before, probability)
                             : hn::Add(before, probability),
                   d, scores + s);
      }
    }
  }
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {

HWY_EXPORT(AttendChunkImpl);
HWY_EXPORT(CombineProbabilitiesImpl);

const PageProducts& ProductsFor(KvType type, size_t head_dim) {
#if defined(__x86_64__)
  constexpr size_t kVectorFloats = 16;
  const CpuLevel level = head_dim % kVectorFloats == 0 ? CurrentLevel() : CpuLevel::kPortable;
  if (type == KvType::kBF16 && level >= CpuLevel::kAvx512Bf16) return kAvx512Bf16Products;
  if (type == KvType::kInt8 && level >= CpuLevel::kAvx512Vnni) return kAvx512VnniProducts;
#endif
  return kFloatProducts[static_cast<size_t>(type)];
}

}  // namespace

void AttendChunk(const DecodeTile& tile, size_t chunk) {
  HWY_DYNAMIC_DISPATCH(AttendChunkImpl)(tile, chunk, ProductsFor(tile.kv_type, tile.head_dim));
}

void MultiplyKeys(KvType type, size_t head_dim, std::span<const std::byte* const> pages, size_t chunk,
                  const float* direction, float* products) {
  alignas(64) std::byte packed[PackedQueryBytes(kMaxFastHeadDim)];
  const PageProducts& kernels = ProductsFor(type, head_dim);
  kernels.pack(&direction, 1, head_dim, 1.0f, packed);
  const size_t chunk_pages = ChunkPages(pages.size() * kPageSlots);
  const size_t end = std::min(pages.size(), (chunk + 1) * chunk_pages);
  for (size_t page = chunk * chunk_pages; page < end; ++page)
    kernels.scores(packed, 1, head_dim, pages[page], products + page * kPageSlots, kPageSlots);
}

void MergeChunks(const DecodeTile& tile, float* const* out, SoftmaxSums& total) {
  const size_t chunks = Chunks(tile.slots), head_dim = tile.head_dim;
  for (size_t r = 0; r < tile.queries; ++r) {
    float max = tile.sums[0].max[r], sum = 0;
    for (size_t c = 1; c < chunks; ++c) max = std::max(max, tile.sums[c].max[r]);
    std::fill_n(out[r], head_dim, 0.0f);
    for (size_t c = 0; c < chunks; ++c) {
      const float factor = std::exp2(tile.sums[c].max[r] - max);
      const float* part = tile.parts + (c * tile.queries + r) * head_dim;
      sum += factor * tile.sums[c].sum[r];
      for (size_t d = 0; d < head_dim; ++d) out[r][d] += factor * part[d];
    }
    for (size_t d = 0; d < head_dim; ++d) out[r][d] /= sum;
    total.max[r] = max;
    total.sum[r] = sum;
  }
}

void CombineProbabilities(std::span<const QueryWeights> queries, bool maximum, float share, size_t first,
                          size_t slots, float* scores) {
  HWY_DYNAMIC_DISPATCH(CombineProbabilitiesImpl)(queries, maximum, share, first, slots, scores);
}

}  // namespace kvscope
#endif  // HWY_ONCE
