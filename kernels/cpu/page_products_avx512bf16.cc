// Compiled for AVX-512 with BF16: includes nothing that other files might compile too.
#include <immintrin.h>
#include <stdint.h>

#include "kernels/cpu/page_products.h"
#include "kernels/cpu/page_products_avx512-inl.h"

namespace kvscope {
namespace {

constexpr size_t kSlots = 64;  // kPageSlots
constexpr size_t kLanes = 16;

inline __m512bh Broadcast(uint32_t pair) {
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(static_cast<int>(pair)));
}

// sums[r][v] += sum over k of a[r][k] . b[k], pairs of bf16; b: [n][b_stride] pairs of which kWidth vectors
// count. `ahead`, as far from b as in b, is fetched on the way.
template <size_t kRows, size_t kWidth>
inline void MultiplyPairs(const uint32_t* const* a, const uint32_t* b, size_t b_stride, size_t n,
                          const uint32_t* ahead, __m512 (&sums)[kRows][kWidth]) {
  for (size_t k = 0; k < n; ++k) {
    __m512bh panel[kWidth];
#pragma GCC unroll 4
    for (size_t v = 0; v < kWidth; ++v) {
      panel[v] = reinterpret_cast<__m512bh>(_mm512_loadu_si512(b + k * b_stride + v * kLanes));
      _mm_prefetch(reinterpret_cast<const char*>(ahead + k * b_stride + v * kLanes), _MM_HINT_T1);
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; ++r) {
      const __m512bh element = Broadcast(a[r][k]);
#pragma GCC unroll 4
      for (size_t v = 0; v < kWidth; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], element, panel[v]);
    }
  }
}

inline __m512i ToBF16(__m512 low, __m512 high) {
  return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low));
}

void Pack(const float* const* q, size_t queries, size_t head_dim, float factor, std::byte* packed) {
  const __m512 factors = _mm512_set1_ps(factor);
  for (size_t r = 0; r < queries; ++r) {
    std::byte* row = packed + r * PackedQueryBytes(head_dim);
    for (size_t d = 0; d < head_dim; d += kLanes) {
      const __m512 scaled = _mm512_mul_ps(_mm512_loadu_ps(q[r] + d), factors);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + 2 * d),
                          reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(scaled)));
    }
  }
}

template <size_t kRows>
void TileScores(const std::byte* packed, size_t head_dim, const std::byte* page, float* scores,
                size_t stride) {
  constexpr size_t kWidth = kSlots / kLanes;
  const uint32_t* q[kRows];
  for (size_t r = 0; r < kRows; ++r)
    q[r] = reinterpret_cast<const uint32_t*>(packed + r * PackedQueryBytes(head_dim));
  const auto* keys = reinterpret_cast<const uint32_t*>(page);
  __m512 sums[kRows][kWidth];
  for (auto& row : sums) {
    for (__m512& sum : row) sum = _mm512_setzero_ps();
  }
  // Ahead are the page's values.
  MultiplyPairs<kRows, kWidth>(q, keys, kSlots, head_dim / 2, keys + head_dim / 2 * kSlots, sums);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kWidth; ++v) _mm512_storeu_ps(scores + r * stride + v * kLanes, sums[r][v]);
  }
}

template <size_t kRows, size_t kWidth>
inline void TileColumns(const uint32_t* const* weights, size_t head_dim, const uint32_t* values,
                        const uint32_t* ahead, size_t first, float* out) {
  __m512 sums[kRows][kWidth];
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kWidth; ++v) sums[r][v] = _mm512_loadu_ps(out + r * head_dim + first + v * kLanes);
  }
  MultiplyPairs<kRows, kWidth>(weights, values + first, head_dim, kSlots / 2, ahead + first, sums);
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kWidth; ++v) _mm512_storeu_ps(out + r * head_dim + first + v * kLanes, sums[r][v]);
  }
}

template <size_t kRows>
void TileValues(const float* weights, size_t stride, size_t head_dim, const std::byte* page,
                const std::byte* next_page, float* out) {
  alignas(64) uint32_t narrow[kRows][kSlots / 2];
  const uint32_t* rows[kRows];
  for (size_t r = 0; r < kRows; ++r) {
    const float* row = weights + r * stride;
    for (size_t s = 0; s < kSlots; s += 2 * kLanes) {
      _mm512_store_si512(&narrow[r][s / 2],
                         ToBF16(_mm512_loadu_ps(row + s), _mm512_loadu_ps(row + s + kLanes)));
    }
    rows[r] = narrow[r];
  }
  const uint32_t* values = reinterpret_cast<const uint32_t*>(page) + head_dim / 2 * kSlots;
  const uint32_t* ahead = reinterpret_cast<const uint32_t*>(next_page);
  constexpr size_t kWidth = 4;
  size_t first = 0;
  for (; first + kWidth * kLanes <= head_dim; first += kWidth * kLanes)
    TileColumns<kRows, kWidth>(rows, head_dim, values, ahead, first, out);
  for (; first < head_dim; first += kLanes) TileColumns<kRows, 1>(rows, head_dim, values, ahead, first, out);
}

void Scores(const std::byte* packed, size_t queries, size_t head_dim, const std::byte* page, float* scores,
            size_t stride) {
  ForRegisterRows(queries, [&]<size_t kRows>(RowCount<kRows>, size_t r) {
    TileScores<kRows>(packed + r * PackedQueryBytes(head_dim), head_dim, page, scores + r * stride, stride);
  });
}

void Values(const float* weights, size_t stride, size_t queries, size_t head_dim, const std::byte* page,
            const std::byte* next_page, float* out) {
  ForRegisterRows(queries, [&]<size_t kRows>(RowCount<kRows>, size_t r) {
    TileValues<kRows>(weights + r * stride, stride, head_dim, page, next_page, out + r * head_dim);
  });
}

}  // namespace

const PageProducts kAvx512Bf16Products = {
    .begin = nullptr, .end = nullptr, .pack = Pack, .scores = Scores, .values = Values};

}  // namespace kvscope
