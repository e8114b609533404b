// Panel kernels for AVX-512 with VNNI: a register is the 16 rows of a panel.
#include <immintrin.h>

#include "kernels/cpu/panel_kernels.h"
#include "kernels/cpu/panel_kernels_avx512-inl.h"

namespace kvscope {
namespace {

constexpr size_t kBlock = 32;
constexpr size_t kRegister = 64;  // bytes
// How far ahead of its use a panel is fetched: memory's delay at the rate at which one core reads.
constexpr size_t kPrefetchBytes = 4096;

KVSCOPE_INLINE void Prefetch(const std::byte* at, size_t bytes) {
  for (size_t i = 0; i < bytes; i += kRegister)
    _mm_prefetch(reinterpret_cast<const char*>(at + kPrefetchBytes + i), _MM_HINT_T0);
}

KVSCOPE_INLINE __m512i BroadcastDword(const void* at) {
  int32_t dword;
  __builtin_memcpy(&dword, at, sizeof(dword));
  return _mm512_set1_epi32(dword);
}

// Sums of a block's two halves: low and high nibbles, those not yet moved down, or columns before and
// after 16.
struct Halves {
  __m512i low, high;
};

// Plus the bytes of w times those of x, 16 rows.
KVSCOPE_INLINE Halves AddProducts(Halves sums, const __m512i* w, const int8_t* x) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    sums.low = _mm512_dpbusd_epi32(sums.low, w[j], BroadcastDword(x + 4 * j));
    sums.high = _mm512_dpbusd_epi32(sums.high, w[4 + j], BroadcastDword(x + 16 + 4 * j));
  }
  return sums;
}

template <Type kType, bool kFine, int kTokens>
void Product(const PanelProductArgs& args) {
  constexpr size_t kScales = 32;  // bytes of a block's, [16 rows]
  constexpr size_t kBlockScales = kType == kQ4_1 ? 2 * kScales : kScales;
  constexpr size_t kBlockQuants = kType == kQ8_0 ? 512 : 256;
  constexpr size_t kGroup = 2 * (kBlockScales + kBlockQuants);
  const __m512i low_nibbles = _mm512_set1_epi8(0x0f),
                high_nibbles = _mm512_set1_epi8(static_cast<char>(0xf0));
  const size_t blocks = args.x.columns / kBlock;
  for (size_t p = 0; p < args.panel_count; ++p) {
    const std::byte* group = args.panels + p * args.panel_bytes;
    __m512 sums[kTokens];
    for (int t = 0; t < kTokens; ++t) sums[t] = _mm512_setzero_ps();
    for (size_t b0 = 0; b0 < blocks; b0 += 2, group += kGroup) {
      Prefetch(group, kGroup);
#pragma GCC unroll 2
      for (size_t i = 0; i < 2; ++i) {
        const size_t b = b0 + i;
        const std::byte* quants = group + 2 * kBlockScales + i * kBlockQuants;
        __m512i w[8];
#pragma GCC unroll 8
        for (int j = 0; j < 8; ++j) {
          if constexpr (kType == kQ8_0) {
            w[j] = _mm512_load_si512(quants + kRegister * j);
          } else {
            const __m512i both = _mm512_load_si512(quants + kRegister * (j % 4));
            w[j] = _mm512_and_si512(both, j < 4 ? low_nibbles : high_nibbles);
          }
        }
        __m512 d = Widen(group + i * kBlockScales);
        if constexpr (kFine) d = _mm512_mul_ps(d, _mm512_set1_ps(0x1p-8f));
        __m512 m = _mm512_setzero_ps();
        if constexpr (kType == kQ4_1) m = Widen(group + i * kBlockScales + kScales);
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          const size_t at = (args.first_token + t) * blocks + b;
          const int8_t* x = args.x.q + (args.first_token + t) * args.x.q_stride + b * kBlock;
          Halves block = AddProducts({_mm512_setzero_si512(), _mm512_setzero_si512()}, w, x);
          if constexpr (kFine) {
            block = {_mm512_slli_epi32(block.low, 8), _mm512_slli_epi32(block.high, 8)};
            block = AddProducts(block, w, x + args.x.columns);
          }
          if constexpr (kType != kQ8_0) block.high = _mm512_srai_epi32(block.high, 4);
          sums[t] = AddBlock<kType>(sums[t], _mm512_add_epi32(block.low, block.high), d, m, args.x, at);
        }
      }
    }
    for (int t = 0; t < kTokens; ++t) _mm512_storeu_ps(args.y + t * args.y_stride + p * kTileRows, sums[t]);
  }
}

template <Type kType, bool kFine>
void ProductOfTokens(const PanelProductArgs& args) {
  static constexpr PanelProduct kByTokens[kTokensAtOnce] = {
      Product<kType, kFine, 1>, Product<kType, kFine, 2>, Product<kType, kFine, 3>, Product<kType, kFine, 4>,
      Product<kType, kFine, 5>, Product<kType, kFine, 6>, Product<kType, kFine, 7>, Product<kType, kFine, 8>};
  kByTokens[args.tokens - 1](args);
}

template <Type kType>
void QuantizedProduct(const PanelProductArgs& args) {
  if (args.x.fine != nullptr) {
    ProductOfTokens<kType, true>(args);
  } else {
    ProductOfTokens<kType, false>(args);
  }
}

// Without bfloat16 instructions: both halves of a pair widened to float.
template <int kTokens>
void Bf16ProductOf(const PanelProductArgs& args) {
  const __m512i high_half = _mm512_set1_epi32(static_cast<int>(0xffff0000));
  const size_t tiles = args.x.columns / kTileColumns;
  const uint16_t* x[kTokens];
  for (int t = 0; t < kTokens; ++t) {
    const size_t token = args.first_token + t;
    x[t] = args.x.halves + (token / kTileRows * tiles * kTileRows + token % kTileRows) * kTileColumns;
  }
  for (size_t p = 0; p < args.panel_count; ++p) {
    const std::byte* w = args.panels + p * args.panel_bytes;
    __m512 sums[kTokens];
    for (int t = 0; t < kTokens; ++t) sums[t] = _mm512_setzero_ps();
    for (size_t tile = 0; tile < tiles; ++tile) {
      for (size_t pair = 0; pair < kTileColumns / 2; ++pair, w += kRegister) {
        Prefetch(w, kRegister);
        const __m512i both = _mm512_load_si512(w);
        const __m512 even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
        const __m512 odd = _mm512_castsi512_ps(_mm512_and_si512(both, high_half));
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          const uint16_t* at = x[t] + tile * kTileRows * kTileColumns + 2 * pair;
          const __m512i two = BroadcastDword(at);
          sums[t] = _mm512_fmadd_ps(even, _mm512_castsi512_ps(_mm512_slli_epi32(two, 16)), sums[t]);
          sums[t] = _mm512_fmadd_ps(odd, _mm512_castsi512_ps(_mm512_and_si512(two, high_half)), sums[t]);
        }
      }
    }
    for (int t = 0; t < kTokens; ++t) _mm512_storeu_ps(args.y + t * args.y_stride + p * kTileRows, sums[t]);
  }
}

void Bf16Product(const PanelProductArgs& args) {
  static constexpr PanelProduct kByTokens[kTokensAtOnce] = {
      Bf16ProductOf<1>, Bf16ProductOf<2>, Bf16ProductOf<3>, Bf16ProductOf<4>,
      Bf16ProductOf<5>, Bf16ProductOf<6>, Bf16ProductOf<7>, Bf16ProductOf<8>};
  kByTokens[args.tokens - 1](args);
}

}  // namespace

const PanelKernels kAvx512VnniKernels = {.q4_1 = QuantizedProduct<kQ4_1>,
                                         .q4_0 = QuantizedProduct<kQ4_0>,
                                         .q8_0 = QuantizedProduct<kQ8_0>,
                                         .bf16 = Bf16Product};

}  // namespace kvscope
