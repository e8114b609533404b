// What the files of panel kernels for AVX-512 share. All of it is in an unnamed namespace and inlined, so
// that nothing compiled for these instructions is seen outside of the file that includes it.
#pragma once

#include <immintrin.h>

#include "kernels/cpu/panel_kernels.h"

#define KVSCOPE_INLINE inline __attribute__((always_inline))

namespace kvscope {
namespace {

// PackedType of packed_matrix.h, without the functions there.
enum Type : uint8_t { kQ4_1, kQ4_0, kQ8_0, kBF16 };

KVSCOPE_INLINE __m512 Widen(const std::byte* halves) {
  return _mm512_cvtph_ps(_mm256_load_si256(reinterpret_cast<const __m256i*>(halves)));
}

// sums + the share of one block, of 16 rows: `products` are the sums of its integers, without the type's
// offset; d and m the rows' scales and minima; `at` the block's place among the activations' scales.
template <Type kType>
KVSCOPE_INLINE __m512 AddBlock(__m512 sums, __m512i products, __m512 d, __m512 m, const PanelInput& x,
                               size_t at) {
  if constexpr (kType != kQ4_1) {
    const __m512i negative_sum = _mm512_set1_epi32(x.negative_sum[at]);
    products = _mm512_add_epi32(products, _mm512_slli_epi32(negative_sum, kType == kQ8_0 ? 7 : 3));
  }
  const __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(x.scale[at]));
  sums = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(products), sums);
  if constexpr (kType == kQ4_1) sums = _mm512_fmadd_ps(m, _mm512_set1_ps(x.scaled_sum[at]), sums);
  return sums;
}

}  // namespace
}  // namespace kvscope
