// Compiled for AVX-512 with VNNI: includes nothing that other files might compile too.
//
// vpdpbusd multiplies bytes without a sign with bytes that have one. Keys have none, values have one. Queries
// and weights get 16 bits, as a high and a low byte that are multiplied apart, so that the cache's own
// rounding is the only one that counts.
#include <immintrin.h>
#include <stdint.h>

#include "kernels/cpu/page_products.h"
#include "kernels/cpu/page_products_avx512-inl.h"

namespace kvscope {
namespace {

constexpr size_t kSlots = 64;  // kPageSlots
constexpr size_t kLanes = 16;
constexpr int kKeyOffset = 128;

// A packed query is int8 high[head_dim], int8 low[head_dim] and this: q = scale * (256 * high + low). The
// starts are what makes up for the keys' offset in the sums of the high and of the low products.
struct QueryTail {
  float scale;
  int32_t high_start;
  int32_t low_start;
};

struct Query {
  Query() = default;
  Query(const std::byte* packed, size_t head_dim)
      : high(reinterpret_cast<const int32_t*>(packed)),
        low(reinterpret_cast<const int32_t*>(packed + head_dim)),
        tail(reinterpret_cast<const QueryTail*>(packed + 2 * head_dim)) {}

  const int32_t* high = nullptr;  // four bytes each
  const int32_t* low = nullptr;
  const QueryTail* tail = nullptr;
};

void Pack(const float* const* q, size_t queries, size_t head_dim, float factor, std::byte* packed) {
  constexpr float kLargest = 127 * 256;
  for (size_t r = 0; r < queries; ++r) {
    std::byte* row = packed + r * PackedQueryBytes(head_dim);
    auto* high = reinterpret_cast<int8_t*>(row);
    auto* low = high + head_dim;
    float most = 0, not_finite = 0;
    for (size_t d = 0; d < head_dim; ++d) {
      const float size = __builtin_fabsf(q[r][d]);
      most = size > most ? size : most;
      not_finite += 0 * size;  // NaN where something is not
    }
    QueryTail tail = {.scale = most * factor / kLargest + not_finite, .high_start = 0, .low_start = 0};
    const float inverse = most > 0 ? kLargest / most : 0;
    for (size_t d = 0; d < head_dim; ++d) {
      const int quantized = _mm_cvtss_si32(_mm_set_ss(q[r][d] * inverse));
      high[d] = static_cast<int8_t>((quantized + 128) >> 8);
      low[d] = static_cast<int8_t>(quantized - high[d] * 256);
      tail.high_start -= kKeyOffset * high[d];
      tail.low_start -= kKeyOffset * low[d];
    }
    *reinterpret_cast<QueryTail*>(row + 2 * head_dim) = tail;
  }
}

// 256 * high + low as float.
inline __m512 Join(__m512i high, __m512i low) {
  return _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(high, 8), low));
}

// Scores of kWidth vectors of slots from `first` on.
template <size_t kRows, size_t kWidth>
inline void TileSlots(const Query (&q)[kRows], size_t head_dim, const std::byte* page, size_t first,
                      float* scores, size_t stride) {
  __m512i high[kRows][kWidth], low[kRows][kWidth];
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kWidth; ++v) {
      high[r][v] = _mm512_set1_epi32(q[r].tail->high_start);
      low[r][v] = _mm512_set1_epi32(q[r].tail->low_start);
    }
  }
  const size_t key_bytes = head_dim * kSlots;  // the values follow, that are read next
  for (size_t k = 0; k < head_dim / 4; ++k) {
    const std::byte* from = page + (k * kSlots + first) * 4;
    __m512i keys[kWidth];
#pragma GCC unroll 4
    for (size_t v = 0; v < kWidth; ++v) {
      keys[v] = _mm512_loadu_si512(from + v * 64);
      _mm_prefetch(reinterpret_cast<const char*>(from + key_bytes + v * 64), _MM_HINT_T0);
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i q_high = _mm512_set1_epi32(q[r].high[k]), q_low = _mm512_set1_epi32(q[r].low[k]);
#pragma GCC unroll 4
      for (size_t v = 0; v < kWidth; ++v) {
        high[r][v] = _mm512_dpbusd_epi32(high[r][v], keys[v], q_high);
        low[r][v] = _mm512_dpbusd_epi32(low[r][v], keys[v], q_low);
      }
    }
  }
  const auto* scales = reinterpret_cast<const float*>(page + 2 * key_bytes);
  for (size_t v = 0; v < kWidth; ++v) {
    const __m512 key_scale = _mm512_loadu_ps(scales + first + v * kLanes);
    for (size_t r = 0; r < kRows; ++r) {
      const __m512 scale = _mm512_mul_ps(key_scale, _mm512_set1_ps(q[r].tail->scale));
      _mm512_storeu_ps(scores + r * stride + first + v * kLanes,
                       _mm512_mul_ps(Join(high[r][v], low[r][v]), scale));
    }
  }
}

// Vectors beside each other: two sums each, of which the registers hold 24.
template <size_t kRows>
constexpr size_t kWidth = kRows <= 3 ? 4 : 2;

template <size_t kRows>
void TileScores(const std::byte* packed, size_t head_dim, const std::byte* page, float* scores,
                size_t stride) {
  Query q[kRows];
  for (size_t r = 0; r < kRows; ++r) q[r] = Query(packed + r * PackedQueryBytes(head_dim), head_dim);
  for (size_t first = 0; first < kSlots; first += kWidth<kRows> * kLanes)
    TileSlots<kRows, kWidth<kRows>>(q, head_dim, page, first, scores, stride);
}

// Weights times their slots' scales, as 16 bits without a sign: weight = scale * (256 * high + low).
struct PackedWeights {
  alignas(64) uint8_t high[kSlots];
  alignas(64) uint8_t low[kSlots];
  float scale;
};

inline void PackWeights(const float* weights, const float* value_scales, PackedWeights& packed) {
  constexpr size_t kVectors = kSlots / kLanes;
  constexpr float kLargest = 65535;
  __m512 scaled[kVectors], most = _mm512_setzero_ps(), sum = _mm512_setzero_ps();
  for (size_t v = 0; v < kVectors; ++v) {
    scaled[v] =
        _mm512_mul_ps(_mm512_loadu_ps(weights + v * kLanes), _mm512_loadu_ps(value_scales + v * kLanes));
    most = _mm512_max_ps(most, scaled[v]);
    sum = _mm512_add_ps(sum, scaled[v]);
  }
  const float max = _mm512_reduce_max_ps(most);
  packed.scale =
      max / kLargest + 0 * _mm512_reduce_add_ps(sum);  // not a number where something is not finite
  const __m512 inverse = _mm512_set1_ps(max > 0 ? kLargest / max : 0);
  for (size_t v = 0; v < kVectors; ++v) {
    const __m512i quantized = _mm512_cvtps_epi32(_mm512_mul_ps(scaled[v], inverse));
    _mm_store_si128(reinterpret_cast<__m128i*>(packed.high + v * kLanes),
                    _mm512_cvtepi32_epi8(_mm512_srli_epi32(quantized, 8)));
    _mm_store_si128(reinterpret_cast<__m128i*>(packed.low + v * kLanes), _mm512_cvtepi32_epi8(quantized));
  }
}

template <size_t kRows, size_t kColumns>
inline void TileColumns(const PackedWeights (&weights)[kRows], size_t head_dim, const std::byte* values,
                        const std::byte* ahead, size_t first, float* out) {
  __m512i high[kRows][kColumns], low[kRows][kColumns];
  for (size_t r = 0; r < kRows; ++r) {
    for (size_t v = 0; v < kColumns; ++v) high[r][v] = low[r][v] = _mm512_setzero_si512();
  }
  for (size_t k = 0; k < kSlots / 4; ++k) {
    const size_t offset = (k * head_dim + first) * 4;
    __m512i columns[kColumns];
#pragma GCC unroll 4
    for (size_t v = 0; v < kColumns; ++v) {
      columns[v] = _mm512_loadu_si512(values + offset + v * 64);
      _mm_prefetch(reinterpret_cast<const char*>(ahead + offset + v * 64), _MM_HINT_T0);
    }
#pragma GCC unroll 6
    for (size_t r = 0; r < kRows; ++r) {
      const __m512i w_high = _mm512_set1_epi32(reinterpret_cast<const int32_t*>(weights[r].high)[k]);
      const __m512i w_low = _mm512_set1_epi32(reinterpret_cast<const int32_t*>(weights[r].low)[k]);
#pragma GCC unroll 4
      for (size_t v = 0; v < kColumns; ++v) {
        high[r][v] = _mm512_dpbusd_epi32(high[r][v], w_high, columns[v]);
        low[r][v] = _mm512_dpbusd_epi32(low[r][v], w_low, columns[v]);
      }
    }
  }
  for (size_t r = 0; r < kRows; ++r) {
    const __m512 scale = _mm512_set1_ps(weights[r].scale);
    for (size_t v = 0; v < kColumns; ++v) {
      float* to = out + r * head_dim + first + v * kLanes;
      _mm512_storeu_ps(to, _mm512_fmadd_ps(Join(high[r][v], low[r][v]), scale, _mm512_loadu_ps(to)));
    }
  }
}

template <size_t kRows>
void TileValues(const float* weights, size_t stride, size_t head_dim, const std::byte* page,
                const std::byte* next_page, float* out) {
  const size_t key_bytes = head_dim * kSlots;
  const auto* value_scales = reinterpret_cast<const float*>(page + 2 * key_bytes) + kSlots;
  PackedWeights packed[kRows];
  for (size_t r = 0; r < kRows; ++r) PackWeights(weights + r * stride, value_scales, packed[r]);
  size_t first = 0;
  for (; first + kWidth<kRows> * kLanes <= head_dim; first += kWidth<kRows> * kLanes)
    TileColumns<kRows, kWidth<kRows>>(packed, head_dim, page + key_bytes, next_page, first, out);
  for (; first < head_dim; first += kLanes)
    TileColumns<kRows, 1>(packed, head_dim, page + key_bytes, next_page, first, out);
  for (size_t at = 0; at < 2 * kSlots * sizeof(float); at += 64)
    _mm_prefetch(reinterpret_cast<const char*>(next_page + 2 * key_bytes + at), _MM_HINT_T0);
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

const PageProducts kAvx512VnniProducts = {
    .begin = nullptr, .end = nullptr, .pack = Pack, .scores = Scores, .values = Values};

}  // namespace kvscope
