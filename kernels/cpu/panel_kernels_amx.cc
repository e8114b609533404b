// Panel kernels for AMX. Of many tokens: two panels are dequantized to bfloat16 tiles, and all tokens' tiles
// pass over them. Of few: the integer sums of a block come from a tile, instead of from vectors.
#include <immintrin.h>

#include "kernels/cpu/panel_kernels.h"
#include "kernels/cpu/panel_kernels_avx512-inl.h"
#include "kernels/cpu/tile_registers-inl.h"

namespace kvscope {
namespace {

constexpr size_t kRegister = 64;  // bytes
constexpr size_t kTileElements = kTileRows * kTileColumns;
constexpr size_t kScales = 32;  // bytes of a block's, [16 rows]

// Registers 0 to 3 are sums, [2 of tokens][2 of rows]; 4 and 5 tokens; 6 and 7 weights.

// A tile's row of pairs: lane r is the bfloat16 of even[r], then that of odd[r].
KVSCOPE_INLINE void StorePairs(__m512 even, __m512 odd, uint16_t* to) {
  const __m512i halves =
      reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));  // [16 of even | 16 of odd]
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                              23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  _mm512_store_si512(to, _mm512_permutexvar_epi16(interleave, halves));
}

// The nibble at bit kBit of each dword, q, as 1 + q / 16: put where a float of that size has its first
// fraction bits.
template <int kBit>
KVSCOPE_INLINE __m512 NibbleToFloat(__m512i w) {
  constexpr int kAt = 19;
  __m512i moved;
  if constexpr (kBit <= kAt) {
    moved = _mm512_slli_epi32(w, kAt - kBit);
  } else {
    moved = _mm512_srli_epi32(w, kBit - kAt);
  }
  const __m512i one = _mm512_set1_epi32(0x3f800000), mask = _mm512_set1_epi32(0xf << kAt);
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(moved, mask, one, 0xea));  // (moved & mask) | one
}

// Two tile rows of block columns that begin at bit kBit of the dwords.
template <int kBit>
KVSCOPE_INLINE void NibblesToPairs(__m512i w, __m512 scale, __m512 offset, uint16_t* to) {
  StorePairs(_mm512_fmadd_ps(NibbleToFloat<kBit>(w), scale, offset),
             _mm512_fmadd_ps(NibbleToFloat<kBit + 8>(w), scale, offset), to);
  StorePairs(_mm512_fmadd_ps(NibbleToFloat<kBit + 16>(w), scale, offset),
             _mm512_fmadd_ps(NibbleToFloat<kBit + 24>(w), scale, offset), to + kTileColumns);
}

// d q + m by way of 16 d (1 + q / 16) + (m - 16 d).
KVSCOPE_INLINE void NibbleBlock(const std::byte* quants, __m512 d, __m512 m, uint16_t* tile) {
  const __m512 scale = _mm512_mul_ps(d, _mm512_set1_ps(16.0f));
  const __m512 offset = _mm512_sub_ps(m, scale);
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    const __m512i w = _mm512_load_si512(quants + kRegister * j);
    NibblesToPairs<0>(w, scale, offset, tile + 2 * j * kTileColumns);
    NibblesToPairs<4>(w, scale, offset, tile + (8 + 2 * j) * kTileColumns);
  }
}

template <int kByte>
KVSCOPE_INLINE __m512 ByteToFloat(__m512i w) {
  return _mm512_cvtepi32_ps(_mm512_and_si512(_mm512_srli_epi32(w, 8 * kByte), _mm512_set1_epi32(0xff)));
}

KVSCOPE_INLINE void ByteBlock(const std::byte* quants, __m512 d, uint16_t* tile) {
  const __m512 offset = _mm512_mul_ps(d, _mm512_set1_ps(-128.0f));
#pragma GCC unroll 8
  for (size_t j = 0; j < 8; ++j) {
    const __m512i w = _mm512_load_si512(quants + kRegister * j);
    uint16_t* to = tile + 2 * j * kTileColumns;
    StorePairs(_mm512_fmadd_ps(ByteToFloat<0>(w), d, offset), _mm512_fmadd_ps(ByteToFloat<1>(w), d, offset),
               to);
    StorePairs(_mm512_fmadd_ps(ByteToFloat<2>(w), d, offset), _mm512_fmadd_ps(ByteToFloat<3>(w), d, offset),
               to + kTileColumns);
  }
}

// So many tiles of a panel, of 16 pairs of columns by 16 rows. Those of a bfloat16 panel are the panel
// itself.
const uint16_t* Tiles(uint8_t type, const std::byte* panel, size_t tiles, uint16_t* scratch) {
  if (type == kBF16) return reinterpret_cast<const uint16_t*>(panel);
  const size_t block_scales = type == kQ4_1 ? 2 * kScales : kScales;
  const size_t block_quants = type == kQ8_0 ? 512 : 256;
  const __m512 eight = _mm512_set1_ps(-8.0f);
  uint16_t* tile = scratch;
  for (size_t b = 0; b < tiles; ++b, tile += kTileElements) {
    const std::byte* group = panel + b / 2 * 2 * (block_scales + block_quants);
    const std::byte* scales = group + b % 2 * block_scales;
    const std::byte* quants = group + 2 * block_scales + b % 2 * block_quants;
    const __m512 d = Widen(scales);
    if (type == kQ8_0) {
      ByteBlock(quants, d, tile);
    } else {
      NibbleBlock(quants, d, type == kQ4_1 ? Widen(scales + kScales) : _mm512_mul_ps(d, eight), tile);
    }
  }
  return scratch;
}

struct BothTiles {
  const uint16_t* of[2];
};

KVSCOPE_INLINE BothTiles Dequantize(const TileProductArgs& args) {
  BothTiles tiles;
  for (int i = 0; i < 2; ++i)
    tiles.of[i] =
        Tiles(args.types[i], args.panels[i], args.tiles, args.scratch + i * args.tiles * kTileElements);
  return tiles;
}

// Where sums of 32 tokens by two panels are stored.
struct SumsPlace {
  float* of[2];   // [32 tokens] of each panel
  size_t stride;  // floats from token to token
};

KVSCOPE_INLINE void LoadSums(const SumsPlace& at) {
  const size_t bytes = at.stride * sizeof(float);
  _tile_loadd(0, at.of[0], bytes);
  _tile_loadd(1, at.of[1], bytes);
  _tile_loadd(2, at.of[0] + kTileRows * at.stride, bytes);
  _tile_loadd(3, at.of[1] + kTileRows * at.stride, bytes);
}

KVSCOPE_INLINE void StoreSums(const SumsPlace& at) {
  const size_t bytes = at.stride * sizeof(float);
  _tile_stored(0, at.of[0], bytes);
  _tile_stored(1, at.of[1], bytes);
  _tile_stored(2, at.of[0] + kTileRows * at.stride, bytes);
  _tile_stored(3, at.of[1] + kTileRows * at.stride, bytes);
}

// Adds tiles [first, end) of args.tiles to the sums at `at` of 32 tokens, which begin with tile 0 of the
// matrix. `beside(i)`, i = 0, 1, ..., is done while the i-th tiles are multiplied.
template <typename Beside>
KVSCOPE_INLINE void AddTiles(const TileProductArgs& args, const BothTiles& weights, size_t first_token,
                             size_t first, size_t end, const SumsPlace& at, const Beside& beside) {
  const size_t row_tiles = args.x.columns / kTileColumns;
  const uint16_t* x0 =
      args.x.halves + (first_token / kTileRows * row_tiles + args.first_tile) * kTileElements;
  const uint16_t* x1 = x0 + row_tiles * kTileElements;
  if (args.first_tile + first == 0) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    LoadSums(at);
  }
  for (size_t tile = first; tile < end; ++tile) {
    const size_t k = tile * kTileElements;
    // Tokens past the nearest cache, which the weights are to stay in.
    _tile_stream_loadd(4, x0 + k, kRegister);
    _tile_loadd(6, weights.of[0] + k, kRegister);
    _tile_loadd(7, weights.of[1] + k, kRegister);
    _tile_stream_loadd(5, x1 + k, kRegister);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    beside(tile - first);
  }
  StoreSums(at);
}

// Fetches part i of n of the next call's panels.
KVSCOPE_INLINE void PrefetchNext(const TileProductArgs& args, size_t i, size_t n) {
  for (int panel = 0; panel < 2; ++panel) {
    const size_t lines = args.panel_bytes[panel] / kRegister;
    for (size_t line = lines * i / n; line < lines * (i + 1) / n; ++line)
      _mm_prefetch(reinterpret_cast<const char*>(args.next[panel] + line * kRegister), _MM_HINT_T1);
  }
}

// Sums of tokens [begin, end), whole tiles; those of token t lie at t * stride of `at`.
KVSCOPE_INLINE void AddAllTiles(const TileProductArgs& args, const BothTiles& weights, size_t begin,
                                size_t end, const SumsPlace& at) {
  for (size_t first = 0; first < args.tiles; first += kSliceTiles) {
    const size_t slice_end = first + kSliceTiles < args.tiles ? first + kSliceTiles : args.tiles;
    for (size_t t = begin; t < end; t += kTileTokens) {
      if (first == 0)
        PrefetchNext(args, (t - begin) / kTileTokens, (end - begin + kTileTokens - 1) / kTileTokens);
      AddTiles(args, weights, t, first, slice_end,
               {{at.of[0] + t * at.stride, at.of[1] + t * at.stride}, at.stride}, [](size_t) {});
    }
  }
}

void Product(const TileProductArgs& args, float* const y[2], size_t y_stride) {
  const BothTiles weights = Dequantize(args);
  FinishStores();
  const size_t whole = args.tokens / kTileTokens * kTileTokens;
  AddAllTiles(args, weights, 0, whole, {{y[0], y[1]}, y_stride});
  if (whole == args.tokens) return;
  // The last tokens do not fill tiles: their sums are copied, those before them too.
  const auto copy_rest = [&](const auto& copy) {
    for (size_t t = whole; t < args.tokens; ++t) {
      for (size_t panel = 0; panel < 2; ++panel)
        copy(args.sums + t * 2 * kTileRows + panel * kTileRows, y[panel] + t * y_stride);
    }
  };
  if (args.first_tile > 0)
    copy_rest([](float* sums, const float* to) { _mm512_store_ps(sums, _mm512_loadu_ps(to)); });
  FinishStores();
  AddAllTiles(args, weights, whole, args.tokens, {{args.sums, args.sums + kTileRows}, 2 * kTileRows});
  copy_rest([](const float* sums, float* to) { _mm512_storeu_ps(to, _mm512_load_ps(sums)); });
}

// exp(x) to 2e-7 of itself: 2^n times a polynomial in the rest, |rest| <= 1/2 (coefficients: Taylor's of
// 2^r).
KVSCOPE_INLINE __m512 Exp(__m512 x) {
  const __m512 y = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  const __m512 n = _mm512_roundscale_ps(y, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(y, n);
  __m512 p = _mm512_set1_ps(1.54035304e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.33335581e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.61812911e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.55041087e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.40226507e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.93147181e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

// 1 / x to 2^-23 or so: an estimate of 14 bits and one step of Newton's.
KVSCOPE_INLINE __m512 Reciprocal(__m512 x) {
  const __m512 r = _mm512_rcp14_ps(x);
  return _mm512_mul_ps(r, _mm512_fnmadd_ps(x, r, _mm512_set1_ps(2.0f)));
}

KVSCOPE_INLINE __m512 SwiGluOf(__m512 gate, __m512 up) {
  const __m512 one = _mm512_set1_ps(1.0f);
  // Beyond 80, exp(-gate) and with it silu are as good as 0; its square must not overflow in Reciprocal.
  const __m512 e = Exp(_mm512_min_ps(_mm512_sub_ps(_mm512_setzero_ps(), gate), _mm512_set1_ps(80.0f)));
  return _mm512_mul_ps(_mm512_mul_ps(gate, Reciprocal(_mm512_add_ps(one, e))), up);
}

void SwiGlu(const TileProductArgs& args, size_t column, size_t out_columns, uint16_t* out) {
  const BothTiles weights = Dequantize(args);
  FinishStores();
  const size_t out_tiles = out_columns / kTileColumns;
  const auto activate = [&](size_t t) {
    const float* sums = args.sums + t * 2 * kTileRows;
    const __m512 value = SwiGluOf(_mm512_load_ps(sums), _mm512_load_ps(sums + kTileRows));
    uint16_t* to =
        out +
        ((t / kTileRows * out_tiles + column / kTileColumns) * kTileRows + t % kTileRows) * kTileColumns +
        column % kTileColumns;
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(value)));
  };
  const auto at = [&](size_t t) {
    float* const sums = args.sums + t * 2 * kTileRows;
    return SumsPlace{{sums, sums + kTileRows}, 2 * kTileRows};
  };
  // All slices of columns but the last; in the last, while tokens are multiplied those before them are
  // activated.
  const size_t last = (args.tiles - 1) / kSliceTiles * kSliceTiles, steps = args.tiles - last;
  for (size_t first = 0; first < last; first += kSliceTiles) {
    for (size_t t = 0; t < args.tokens; t += kTileTokens)
      AddTiles(args, weights, t, first, first + kSliceTiles, at(t), [](size_t) {});
  }
  const size_t blocks = (args.tokens + kTileTokens - 1) / kTileTokens;
  const size_t tokens_a_step = (kTileTokens + steps - 1) / steps;
  for (size_t t = 0; t < args.tokens; t += kTileTokens) {
    PrefetchNext(args, t / kTileTokens, blocks);
    AddTiles(args, weights, t, last, args.tiles, at(t), [&](size_t step) {
      const size_t from = step * tokens_a_step;
      for (size_t i = from; i < from + tokens_a_step && i < kTileTokens && t > 0; ++i)
        activate(t - kTileTokens + i);
    });
    FinishStores();
  }
  for (size_t t = (blocks - 1) * kTileTokens; t < args.tokens; ++t) activate(t);
}

// ---- products of integers, for few tokens ----

// Register 0 is sums: of a token's q and of its fine part, row by row, for 16 rows of a panel. Register 1 is
// activations alike, a block of 32 columns; 2 is a block of the panel, [8 of columns][16 rows][4 columns].
constexpr TileConfig IntegerConfig(uint8_t tokens) {
  const auto rows = static_cast<uint8_t>(2 * tokens);
  return {.palette = 1, .row_bytes = {64, 32, 64}, .rows = {rows, rows, 8}};
}
constexpr TileConfig kIntegerConfigs[kTokensAtOnce] = {IntegerConfig(1), IntegerConfig(2), IntegerConfig(3),
                                                       IntegerConfig(4), IntegerConfig(5), IntegerConfig(6),
                                                       IntegerConfig(7), IntegerConfig(8)};

// Blocks whose sums lie in the nearest cache together.
constexpr size_t kBlocksTogether = 12;
constexpr size_t kBlockBytes = 512;  // of 16 rows, a byte a column
constexpr size_t kPrefetchBytes = 4096;

template <Type kType>
struct GroupLayout {
  static constexpr size_t kBlockScales = kType == kQ4_1 ? 2 * kScales : kScales;
  static constexpr size_t kBlockQuants = kType == kQ8_0 ? kBlockBytes : kBlockBytes / 2;
  static constexpr size_t kBytes = 2 * (kBlockScales + kBlockQuants);

  static const std::byte* Scales(const std::byte* panel, size_t block) {
    return panel + block / 2 * kBytes + block % 2 * kBlockScales;
  }
  static const std::byte* Quants(const std::byte* panel, size_t block) {
    return panel + block / 2 * kBytes + 2 * kBlockScales + block % 2 * kBlockQuants;
  }
};

KVSCOPE_INLINE void SplitNibbles(const std::byte* quants, std::byte* to) {
  const __m512i mask = _mm512_set1_epi8(0x0f);
#pragma GCC unroll 4
  for (size_t j = 0; j < 4; ++j) {
    const __m512i both = _mm512_load_si512(quants + kRegister * j);
    _mm512_store_si512(to + kRegister * j, _mm512_and_si512(both, mask));
    _mm512_store_si512(to + kRegister * (4 + j), _mm512_and_si512(_mm512_srli_epi16(both, 4), mask));
  }
}

// Integer sums of blocks [first, first + count) of one panel, [count][tokens][2][16 rows].
template <Type kType, int kTokens>
KVSCOPE_INLINE void BlockSums(const PanelProductArgs& args, const std::byte* panel, size_t first,
                              size_t count, std::byte* nibbles, int32_t* sums) {
  using Layout = GroupLayout<kType>;
  for (size_t i = 0; i < count; ++i) {
    const std::byte* at = Layout::Quants(panel, first + i);
    for (size_t line = 0; line < Layout::kBytes / 2; line += kRegister)
      _mm_prefetch(reinterpret_cast<const char*>(at + kPrefetchBytes + line), _MM_HINT_T0);
    if constexpr (kType != kQ8_0) SplitNibbles(at, nibbles + i * kBlockBytes);
  }
  FinishStores();
  const int8_t* x = args.x.q + args.first_token * args.x.q_stride;
#pragma GCC unroll 1
  for (size_t i = 0; i < count; ++i) {
    _tile_zero(0);
    _tile_loadd(1, x + (first + i) * kTileColumns, args.x.columns);
    _tile_loadd(2, kType == kQ8_0 ? Layout::Quants(panel, first + i) : nibbles + i * kBlockBytes, kRegister);
    _tile_dpbsud(0, 1, 2);
    _tile_stored(0, sums + i * kTokens * 2 * kTileRows, kRegister);
  }
}

template <Type kType, int kTokens>
void IntegerProductOf(const PanelProductArgs& args) {
  using Layout = GroupLayout<kType>;
  alignas(64) std::byte nibbles[kBlocksTogether * kBlockBytes];
  alignas(64) int32_t block_sums[kBlocksTogether * kTokens * 2 * kTileRows];
  const size_t blocks = args.x.columns / kTileColumns;
  for (size_t p = 0; p < args.panel_count; ++p) {
    const std::byte* panel = args.panels + p * args.panel_bytes;
    __m512 sums[kTokens];
    for (int t = 0; t < kTokens; ++t) sums[t] = _mm512_setzero_ps();
    for (size_t first = 0; first < blocks; first += kBlocksTogether) {
      const size_t count = blocks - first < kBlocksTogether ? blocks - first : kBlocksTogether;
      BlockSums<kType, kTokens>(args, panel, first, count, nibbles, block_sums);
      for (size_t i = 0; i < count; ++i) {
        const std::byte* scales = Layout::Scales(panel, first + i);
        const __m512 d = _mm512_mul_ps(Widen(scales), _mm512_set1_ps(0x1p-8f));
        __m512 m = _mm512_setzero_ps();
        if constexpr (kType == kQ4_1) m = Widen(scales + kScales);
#pragma GCC unroll 8
        for (int t = 0; t < kTokens; ++t) {
          const size_t at = (args.first_token + t) * blocks + first + i;
          const int32_t* both = block_sums + (i * kTokens + t) * 2 * kTileRows;
          const __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(_mm512_load_si512(both), 8),
                                               _mm512_load_si512(both + kTileRows));
          sums[t] = AddBlock<kType>(sums[t], sum, d, m, args.x, at);
        }
      }
    }
    for (int t = 0; t < kTokens; ++t) _mm512_storeu_ps(args.y + t * args.y_stride + p * kTileRows, sums[t]);
  }
}

template <Type kType>
void IntegerProduct(const PanelProductArgs& args) {
  static constexpr PanelProduct kByTokens[kTokensAtOnce] = {
      IntegerProductOf<kType, 1>, IntegerProductOf<kType, 2>, IntegerProductOf<kType, 3>,
      IntegerProductOf<kType, 4>, IntegerProductOf<kType, 5>, IntegerProductOf<kType, 6>,
      IntegerProductOf<kType, 7>, IntegerProductOf<kType, 8>};
  _tile_loadconfig(&kIntegerConfigs[args.tokens - 1]);
  kByTokens[args.tokens - 1](args);
  _tile_release();
}

}  // namespace

const TileKernels kAmxKernels = {.begin = BeginTiles, .end = EndTiles, .product = Product, .swiglu = SwiGlu};

const PanelKernels kAmxIntegerKernels = {.q4_1 = IntegerProduct<kQ4_1>,
                                         .q4_0 = IntegerProduct<kQ4_0>,
                                         .q8_0 = IntegerProduct<kQ8_0>,
                                         .bf16 = nullptr};

}  // namespace kvscope
