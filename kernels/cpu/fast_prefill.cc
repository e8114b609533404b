#include "kernels/cpu/fast_prefill.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/cpu/cpu_level.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/fast_prefill.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

using Head = PrefillAttention::Head;

inline constexpr float kHidden = -1e30f;  // 2^ that is 0, and no infinity meets an infinity
// A row's reference is taken anew only where scores exceed it by this, so that sums are seldom rescaled and
// never overflow.
inline constexpr float kSlack = 8;

HWY_INLINE size_t Visible(const PrefillBlock& block, size_t query) {
  const size_t position = block.first + query;
  return position < block.unmasked_before ? block.prompt : position + 1;
}

HWY_INLINE size_t PagesSeen(const PrefillBlock& block) {
  const size_t slots = std::max(Visible(block, 0), Visible(block, block.queries - 1));
  return (slots + kPageSlots - 1) / kPageSlots;
}

// Hides from each query of a page's scores the slots that it does not see.
HWY_INLINE void Mask(const PrefillBlock& block, size_t page, float* HWY_RESTRICT scores) {
  const size_t begin = page * kPageSlots;
  for (size_t i = 0; i < block.queries; ++i) {
    const size_t visible = Visible(block, i);
    if (visible >= begin + kPageSlots) continue;
    const size_t seen = visible > begin ? visible - begin : 0;
    std::fill(scores + i * kPageSlots + seen, scores + (i + 1) * kPageSlots, kHidden);
  }
}

HWY_INLINE void ScaleRow(float* HWY_RESTRICT row, size_t n, float factor) {
  for (size_t i = 0; i < n; ++i) row[i] *= factor;
}

// One query's scores of a page to weights relative to its reference.
HWY_INLINE void SoftmaxRow(float* HWY_RESTRICT scores, size_t head_dim, float* HWY_RESTRICT reference,
                           float* HWY_RESTRICT sums, float* HWY_RESTRICT out) {
  const F d;
  V max = hn::LoadU(d, scores);
  for (size_t s = kLanes; s < kPageSlots; s += kLanes) max = hn::Max(max, hn::LoadU(d, scores + s));
  if (!hn::AllFalse(d, hn::Gt(max, hn::Set(d, *reference + kSlack)))) {
    const float page_max = hn::GetLane(hn::MaxOfLanes(d, max));
    const float shrink = std::exp2(*reference - page_max);
    ScaleRow(out, head_dim, shrink);
    ScaleRow(sums, kSumLanes, shrink);
    *reference = page_max;
  }
  const V taken = hn::Set(d, *reference);
  V sum[kVectors];
  for (size_t v = 0; v < kVectors; ++v) sum[v] = hn::Load(d, sums + v * kLanes);
  for (size_t s = 0; s < kPageSlots; s += kSumLanes) {
    for (size_t v = 0; v < kVectors; ++v) {
      float* at = scores + s + v * kLanes;
      const V weight = Exp2(d, hn::Sub(hn::LoadU(d, at), taken));
      hn::StoreU(weight, d, at);
      sum[v] = hn::Add(sum[v], weight);
    }
  }
  for (size_t v = 0; v < kVectors; ++v) hn::Store(sum[v], d, sums + v * kLanes);
}

void AttendImpl(const PrefillBlock& block, size_t head_dim, std::span<const Head> heads, float* scores,
                const PageProducts& products) {
  const size_t pages = PagesSeen(block);
  for (size_t page = 0; page < pages; ++page) {
    const std::byte* bytes = block.pages[page];
    for (const Head& head : heads) {
      products.scores(head.packed, block.queries, head_dim, bytes, scores, kPageSlots);
      Mask(block, page, scores);
      for (size_t i = 0; i < block.queries; ++i) {
        SoftmaxRow(scores + i * kPageSlots, head_dim, head.references + i, head.sums + i * kSumLanes,
                   head.out + i * head_dim);
      }
      if (block.out == nullptr) continue;
      products.values(scores, kPageSlots, block.queries, head_dim, bytes,
                      block.pages[std::min(page + 1, pages - 1)], head.out);
    }
  }
}

// Sums of a row's 16 interleaved parts.
float SumOfRow(const float* row) {
  V sums[kVectors];
  for (size_t v = 0; v < kVectors; ++v) sums[v] = hn::Load(F(), row + v * kLanes);
  return SumLanes(sums);
}

// sums[s] += 2^(scores[i][s] - normalizers[i]) for rows i of [from, to), in order.
HWY_INLINE void AddPage(const float* HWY_RESTRICT scores, const float* HWY_RESTRICT normalizers, size_t from,
                        size_t to, float* HWY_RESTRICT sums) {
  const F d;
  constexpr size_t kPageVectors = kPageSlots / kLanes;
  V totals[kPageVectors];
  for (size_t v = 0; v < kPageVectors; ++v) totals[v] = hn::LoadU(d, sums + v * kLanes);
  for (size_t i = from; i < to; ++i) {
    const V normalizer = hn::Set(d, normalizers[i]);
    for (size_t v = 0; v < kPageVectors; ++v) {
      const V score = hn::LoadU(d, scores + i * kPageSlots + v * kLanes);
      totals[v] = hn::Add(totals[v], Exp2(d, hn::Sub(score, normalizer)));
    }
  }
  for (size_t v = 0; v < kPageVectors; ++v) hn::StoreU(totals[v], d, sums + v * kLanes);
}

void AddProbabilitiesImpl(const PrefillBlock& block, size_t head_dim, const Head& head, size_t from,
                          float* scores, const PageProducts& products, float* sums) {
  for (size_t page = 0; page < PagesSeen(block); ++page) {
    products.scores(head.packed, block.queries, head_dim, block.pages[page], scores, kPageSlots);
    Mask(block, page, scores);
    AddPage(scores, head.normalizers, from, block.queries, sums + page * kPageSlots);
  }
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {

HWY_EXPORT(AttendImpl);
HWY_EXPORT(SumOfRow);
HWY_EXPORT(AddProbabilitiesImpl);

constexpr size_t kSumLanes = 16;  // of vector-inl.h

const PageProducts& ProductsFor(size_t head_dim) {
#if defined(__x86_64__)
  const CpuLevel level = CurrentLevel();
  if (level >= CpuLevel::kAmx && head_dim % 32 == 0) return kAmxBf16Products;
  if (level >= CpuLevel::kAvx512Bf16 && head_dim % 16 == 0) return kAvx512Bf16Products;
#endif
  return kFloatProducts[static_cast<size_t>(KvType::kBF16)];
}

// Calls a kernel between a set of products' begin and end.
template <typename Function>
void With(const PageProducts& products, const Function& function) {
  if (products.begin != nullptr) products.begin();
  function();
  if (products.end != nullptr) products.end();
}

}  // namespace

PrefillAttention::PrefillAttention(size_t heads, size_t head_dim)
    : head_dim_(head_dim),
      packed_(heads * kBlockQueries * PackedQueryBytes(head_dim)),
      floats_(kBlockQueries * (kPageSlots + heads * (head_dim + kSumLanes + 2))) {
  float* next = floats_.data();
  const auto take = [&](size_t floats) {
    float* taken = next;
    next += kBlockQueries * floats;
    return taken;
  };
  scores_ = take(kPageSlots);
  for (size_t h = 0; h < heads; ++h) {
    heads_.push_back({.packed = packed_.data() + h * kBlockQueries * PackedQueryBytes(head_dim),
                      .out = take(head_dim),
                      .sums = take(kSumLanes),
                      .references = take(1),
                      .normalizers = take(1)});
  }
}

void PrefillAttention::Attend(const PrefillBlock& block) {
  const PageProducts& products = ProductsFor(head_dim_);
  const float factor = std::numbers::log2e_v<float> / std::sqrt(static_cast<float>(head_dim_));
  for (size_t h = 0; h < heads_.size(); ++h) {
    const float* q[kBlockQueries];
    for (size_t i = 0; i < block.queries; ++i) q[i] = block.q + i * block.q_stride + h * head_dim_;
    products.pack(q, block.queries, head_dim_, factor, heads_[h].packed);
    std::fill_n(heads_[h].out, kBlockQueries * head_dim_, 0.0f);
    std::fill_n(heads_[h].sums, kBlockQueries * kSumLanes, 0.0f);
    std::fill_n(heads_[h].references, kBlockQueries, -1e30f);
  }
  With(products, [&] { HWY_DYNAMIC_DISPATCH(AttendImpl)(block, head_dim_, heads_, scores_, products); });
  for (size_t h = 0; h < heads_.size(); ++h) {
    for (size_t i = 0; i < block.queries; ++i) {
      const float sum = HWY_DYNAMIC_DISPATCH(SumOfRow)(heads_[h].sums + i * kSumLanes);
      heads_[h].normalizers[i] = heads_[h].references[i] + std::log2(sum);
      if (block.out == nullptr) continue;
      float* out = block.out + i * block.out_stride + h * head_dim_;
      for (size_t d = 0; d < head_dim_; ++d) out[d] = heads_[h].out[i * head_dim_ + d] / sum;
    }
  }
}

void PrefillAttention::AddProbabilities(const PrefillBlock& block, size_t head, size_t from, float* sums) {
  const PageProducts& products = ProductsFor(head_dim_);
  const size_t first = std::max(from, block.first) - block.first;
  if (first >= block.queries) return;
  With(products, [&] {
    HWY_DYNAMIC_DISPATCH(AddProbabilitiesImpl)
    (block, head_dim_, heads_[head], first, scores_, products, sums);
  });
}

}  // namespace kvscope
#endif  // HWY_ONCE
