// The product of bfloat16 panels for AVX-512 with bfloat16 dot products.
#include <immintrin.h>

#include "kernels/cpu/panel_kernels.h"

namespace kvscope {
namespace {

constexpr size_t kRegister = 64;         // bytes
constexpr size_t kPrefetchBytes = 4096;  // as in panel_kernels_avx512.cc

inline __attribute__((always_inline)) __m512bh BroadcastPair(const uint16_t* at) {
  int32_t dword;
  __builtin_memcpy(&dword, at, sizeof(dword));
  return reinterpret_cast<__m512bh>(_mm512_set1_epi32(dword));
}

// Two sums a token, of even and of odd pairs: an addition waits for the last one to the same register.
template <int kTokens>
void ProductOf(const PanelProductArgs& args) {
  const size_t tiles = args.x.columns / kTileColumns;
  const uint16_t* x[kTokens];
  for (int t = 0; t < kTokens; ++t) {
    const size_t token = args.first_token + t;
    x[t] = args.x.halves + (token / kTileRows * tiles * kTileRows + token % kTileRows) * kTileColumns;
  }
  for (size_t p = 0; p < args.panel_count; ++p) {
    const std::byte* w = args.panels + p * args.panel_bytes;
    __m512 even[kTokens], odd[kTokens];
    for (int t = 0; t < kTokens; ++t) even[t] = odd[t] = _mm512_setzero_ps();
    for (size_t tile = 0; tile < tiles; ++tile) {
#pragma GCC unroll 2
      for (size_t pair = 0; pair < kTileColumns / 2; pair += 2, w += 2 * kRegister) {
        _mm_prefetch(reinterpret_cast<const char*>(w + kPrefetchBytes), _MM_HINT_T0);
        _mm_prefetch(reinterpret_cast<const char*>(w + kPrefetchBytes + kRegister), _MM_HINT_T0);
        const auto w0 = reinterpret_cast<__m512bh>(_mm512_load_si512(w));
        const auto w1 = reinterpret_cast<__m512bh>(_mm512_load_si512(w + kRegister));
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          const uint16_t* at = x[t] + tile * kTileRows * kTileColumns + 2 * pair;
          even[t] = _mm512_dpbf16_ps(even[t], w0, BroadcastPair(at));
          odd[t] = _mm512_dpbf16_ps(odd[t], w1, BroadcastPair(at + 2));
        }
      }
    }
    for (int t = 0; t < kTokens; ++t)
      _mm512_storeu_ps(args.y + t * args.y_stride + p * kTileRows, _mm512_add_ps(even[t], odd[t]));
  }
}

void Product(const PanelProductArgs& args) {
  static constexpr PanelProduct kByTokens[kTokensAtOnce] = {ProductOf<1>, ProductOf<2>, ProductOf<3>,
                                                            ProductOf<4>, ProductOf<5>, ProductOf<6>,
                                                            ProductOf<7>, ProductOf<8>};
  kByTokens[args.tokens - 1](args);
}

}  // namespace

const PanelProduct kAvx512Bf16Product = Product;

}  // namespace kvscope
