// Compiled for AMX and AVX-512: includes nothing that other files might compile too.
#include <immintrin.h>
#include <stdint.h>

#include "kernels/cpu/page_products.h"
#include "kernels/cpu/tile_registers-inl.h"

namespace kvscope {
namespace {

constexpr size_t kSlots = 64;  // kPageSlots
constexpr size_t kLanes = 16;
constexpr size_t kTileRows = 16;
constexpr size_t kTilePairs = 16;  // pairs of bf16 in a row of a tile: 64 bytes

// Tiles 0 to 3 are sums, two rows of two; 4 and 5 the left-hand side's two; 6 and 7 the right-hand side's
// two.

// [32 rows, 32 columns] of sums += a[32 rows, n pairs] . b[n pairs, 32 columns]. Strides in bytes.
inline void MultiplyTiles(const void* a, size_t a_stride, const void* b, size_t b_stride, size_t pairs) {
  const auto* left = static_cast<const std::byte*>(a);
  const auto* right = static_cast<const std::byte*>(b);
  for (size_t k = 0; k < pairs; k += kTilePairs) {
    _tile_loadd(4, left + k * 4, a_stride);
    _tile_loadd(6, right + k * b_stride, b_stride);
    _tile_loadd(7, right + k * b_stride + 64, b_stride);
    _tile_loadd(5, left + kTileRows * a_stride + k * 4, a_stride);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
}

inline void StoreSums(float* to, size_t stride) {
  const size_t bytes = stride * sizeof(float);
  _tile_stored(0, to, bytes);
  _tile_stored(1, to + kLanes, bytes);
  _tile_stored(2, to + kTileRows * stride, bytes);
  _tile_stored(3, to + kTileRows * stride + kLanes, bytes);
}

void Pack(const float* const* q, size_t queries, size_t head_dim, float factor, std::byte* packed) {
  const __m512 factors = _mm512_set1_ps(factor);
  for (size_t r = 0; r < kMaxTileQueries; ++r) {
    std::byte* row = packed + r * PackedQueryBytes(head_dim);
    for (size_t d = 0; d < head_dim; d += kLanes) {
      const __m512 scaled =
          r < queries ? _mm512_mul_ps(_mm512_loadu_ps(q[r] + d), factors) : _mm512_setzero_ps();
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(row + 2 * d),
                          reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(scaled)));
    }
  }
  FinishStores();
}

void Scores(const std::byte* packed, size_t, size_t head_dim, const std::byte* page, float* scores,
            size_t stride) {
  for (size_t first = 0; first < kSlots; first += 2 * kLanes) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    MultiplyTiles(packed, PackedQueryBytes(head_dim), page + first * 4, kSlots * 4, head_dim / 2);
    StoreSums(scores + first, stride);
  }
}

void Values(const float* weights, size_t stride, size_t, size_t head_dim, const std::byte* page,
            const std::byte*, float* out) {
  alignas(64) uint16_t narrow[kMaxTileQueries][kSlots];
  for (size_t r = 0; r < kMaxTileQueries; ++r) {
    for (size_t s = 0; s < kSlots; s += 2 * kLanes) {
      const float* from = weights + r * stride + s;
      _mm512_store_si512(&narrow[r][s], reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(
                                            _mm512_loadu_ps(from + kLanes), _mm512_loadu_ps(from))));
    }
  }
  FinishStores();
  const std::byte* values = page + head_dim * kSlots * 2;
  const size_t out_bytes = head_dim * sizeof(float);
  for (size_t first = 0; first < head_dim; first += 2 * kLanes) {
    float* to = out + first;
    _tile_loadd(0, to, out_bytes);
    _tile_loadd(1, to + kLanes, out_bytes);
    _tile_loadd(2, to + kTileRows * head_dim, out_bytes);
    _tile_loadd(3, to + kTileRows * head_dim + kLanes, out_bytes);
    MultiplyTiles(narrow, sizeof(narrow[0]), values + first * 4, head_dim * 4, kSlots / 2);
    StoreSums(to, head_dim);
  }
}

}  // namespace

const PageProducts kAmxBf16Products = {
    .begin = BeginTiles, .end = EndTiles, .pack = Pack, .scores = Scores, .values = Values};

}  // namespace kvscope
