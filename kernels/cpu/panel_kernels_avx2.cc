// Panel kernels for AVX2: a register is 8 of a panel's 16 rows. Products of quantized panels have the bits of
// AVX-512's.
#include <immintrin.h>

#include "kernels/cpu/panel_kernels.h"

namespace kvscope {
namespace {

constexpr size_t kBlock = 32;
constexpr size_t kHalfRows = 8;
constexpr size_t kDwords = 64;  // bytes from one dword of a row to its next: 16 rows' dwords lie between

enum Quants { kQ4_1, kQ4_0, kQ8_0 };  // of packed_matrix.h, without its functions

inline __attribute__((always_inline)) __m256 Widen(const std::byte* halves) {
  return _mm256_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves)));
}

inline __attribute__((always_inline)) __m256i Load(const std::byte* at) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(at));
}

inline __attribute__((always_inline)) __m256i BroadcastDword(const void* at) {
  int32_t dword;
  __builtin_memcpy(&dword, at, sizeof(dword));
  return _mm256_set1_epi32(dword);
}

// Sums of 8 rows over a block of nibbles. 16 bits hold the pairs' sums: 8 times 2 products of 15 by 127 are
// 30480.
inline __attribute__((always_inline)) __m256i NibbleSum(const std::byte* quants, const int8_t* x) {
  const __m256i mask = _mm256_set1_epi8(0x0f);
  __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    const __m256i w = Load(quants + kDwords * j);
    const __m256i low = _mm256_and_si256(w, mask);
    const __m256i high = _mm256_and_si256(_mm256_srli_epi16(w, 4), mask);
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(low, BroadcastDword(x + 4 * j)));
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(high, BroadcastDword(x + 16 + 4 * j)));
  }
  return _mm256_madd_epi16(sum, _mm256_set1_epi16(1));
}

// Sums of 8 rows over a block of bytes, made signed. The sign of w goes to x: 16 bits hold 2 products of 128
// by 127.
inline __attribute__((always_inline)) __m256i ByteSum(const std::byte* quants, const int8_t* x) {
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(0x80));
  __m256i sum = _mm256_setzero_si256();
#pragma GCC unroll 8
  for (size_t j = 0; j < 8; ++j) {
    const __m256i w = _mm256_xor_si256(Load(quants + kDwords * j), flip);
    const __m256i pairs =
        _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(BroadcastDword(x + 4 * j), w));
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
  }
  return sum;
}

template <Quants kType>
inline __attribute__((always_inline)) __m256i BlockSum(const std::byte* quants, const int8_t* x) {
  if constexpr (kType == kQ8_0) {
    return ByteSum(quants, x);
  } else {
    return NibbleSum(quants, x);
  }
}

template <Quants kType>
void Product(const PanelProductArgs& args) {
  const bool fine = args.x.fine != nullptr;
  const __m256 unit = _mm256_set1_ps(fine ? 0x1p-8f : 1.0f);
  constexpr size_t kScales = 32;  // bytes of a block's, [16 rows]
  constexpr size_t kBlockScales = kType == kQ4_1 ? 2 * kScales : kScales;
  constexpr size_t kBlockQuants = kType == kQ8_0 ? 512 : 256;
  constexpr size_t kGroup = 2 * (kBlockScales + kBlockQuants);
  const size_t blocks = args.x.columns / kBlock;
  for (size_t p = 0; p < args.panel_count; ++p) {
    for (size_t half = 0; half < 2; ++half) {
      __m256 sums[kTokensAtOnce];
      for (__m256& sum : sums) sum = _mm256_setzero_ps();
      for (size_t b = 0; b < blocks; ++b) {
        const std::byte* group = args.panels + p * args.panel_bytes + b / 2 * kGroup;
        const std::byte* scales = group + b % 2 * kBlockScales + half * kScales / 2;
        const std::byte* quants = group + 2 * kBlockScales + b % 2 * kBlockQuants + half * kDwords / 2;
        const __m256 d = _mm256_mul_ps(Widen(scales), unit);
        for (size_t t = 0; t < args.tokens; ++t) {
          const size_t at = (args.first_token + t) * blocks + b;
          const int8_t* x = args.x.q + (args.first_token + t) * args.x.q_stride + b * kBlock;
          __m256i sum = BlockSum<kType>(quants, x);
          if (fine)
            sum = _mm256_add_epi32(_mm256_slli_epi32(sum, 8), BlockSum<kType>(quants, x + args.x.columns));
          if constexpr (kType == kQ4_0)
            sum = _mm256_add_epi32(sum, _mm256_set1_epi32(8 * args.x.negative_sum[at]));
          sums[t] = _mm256_fmadd_ps(_mm256_mul_ps(d, _mm256_set1_ps(args.x.scale[at])),
                                    _mm256_cvtepi32_ps(sum), sums[t]);
          if constexpr (kType == kQ4_1)
            sums[t] =
                _mm256_fmadd_ps(Widen(scales + kScales), _mm256_set1_ps(args.x.scaled_sum[at]), sums[t]);
        }
      }
      for (size_t t = 0; t < args.tokens; ++t)
        _mm256_storeu_ps(args.y + t * args.y_stride + p * kTileRows + half * kHalfRows, sums[t]);
    }
  }
}

void Bf16Product(const PanelProductArgs& args) {
  const __m256i high_half = _mm256_set1_epi32(static_cast<int>(0xffff0000));
  const size_t tiles = args.x.columns / kTileColumns;
  for (size_t p = 0; p < args.panel_count; ++p) {
    for (size_t half = 0; half < 2; ++half) {
      const std::byte* w = args.panels + p * args.panel_bytes + half * kDwords / 2;
      __m256 sums[kTokensAtOnce];
      for (__m256& sum : sums) sum = _mm256_setzero_ps();
      for (size_t k = 0; k < args.x.columns; k += 2, w += kDwords) {
        const __m256i both = Load(w);
        const __m256 even = _mm256_castsi256_ps(_mm256_slli_epi32(both, 16));
        const __m256 odd = _mm256_castsi256_ps(_mm256_and_si256(both, high_half));
        for (size_t t = 0; t < args.tokens; ++t) {
          const size_t token = args.first_token + t;
          const uint16_t* x =
              args.x.halves +
              ((token / kTileRows * tiles + k / kTileColumns) * kTileRows + token % kTileRows) *
                  kTileColumns +
              k % kTileColumns;
          const __m256i two = BroadcastDword(x);
          sums[t] = _mm256_fmadd_ps(even, _mm256_castsi256_ps(_mm256_slli_epi32(two, 16)), sums[t]);
          sums[t] = _mm256_fmadd_ps(odd, _mm256_castsi256_ps(_mm256_and_si256(two, high_half)), sums[t]);
        }
      }
      for (size_t t = 0; t < args.tokens; ++t)
        _mm256_storeu_ps(args.y + t * args.y_stride + p * kTileRows + half * kHalfRows, sums[t]);
    }
  }
}

}  // namespace

const PanelKernels kAvx2Kernels = {
    .q4_1 = Product<kQ4_1>, .q4_0 = Product<kQ4_0>, .q8_0 = Product<kQ8_0>, .bf16 = Bf16Product};

}  // namespace kvscope
