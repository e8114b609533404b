// The inner loops of products with packed matrices, one set for each CpuLevel, behind function pointers.
//
// This header is included by files that are compiled for instruction sets which not every machine has. It
// holds plain data and declarations only, and so must whatever those files include: an inline function that
// the compiler emits there could be the copy that the linker keeps for the whole program.
#pragma once

#include <cstddef>
#include <cstdint>

namespace kvscope {

// Rows of activations ("tokens") that a kernel takes at once.
inline constexpr size_t kTokensAtOnce = 8;
// An AMX tile: 16 tokens or rows of weights by 32 columns.
inline constexpr size_t kTileRows = 16;
inline constexpr size_t kTileColumns = 32;
// Tokens that the AMX kernels take at once.
inline constexpr size_t kTileTokens = 2 * kTileRows;
// Tiles of columns that tokens pass over at a time: two panels' of them stay in the nearest cache, 36 KiB of
// it, and those of several hundred tokens in the second-level one.
inline constexpr size_t kSliceTiles = 18;

// Activations, in one or both of two forms. Columns are filled up with zeros to groups of 64.
struct PanelInput {
  size_t columns = 0;  // filled up
  // In blocks of 32 columns: x = scale * q or, where there is `fine`, scale * (q + fine / 256).
  const int8_t* q = nullptr;              // [columns] of token 0
  const int8_t* fine = nullptr;           // likewise, columns behind q; -127 to 127; or null
  size_t q_stride = 0;                    // of both, from token to token: columns or, with `fine`, twice that
  const float* scale = nullptr;           // [tokens][columns / 32]
  const float* scaled_sum = nullptr;      // likewise: the sum of the block's x
  const int32_t* negative_sum = nullptr;  // likewise: minus the sum of q or, with `fine`, of 256 q + fine
  // bfloat16 tiles, [tokens / 16][columns / 32][16 tokens][32 columns].
  const uint16_t* halves = nullptr;
};

// y[t][16 p + r] = row r of panel p times token first_token + t, for p < panel_count, t < tokens.
// `panels`: as in packed_matrix.h, panel p at p * panel_bytes. y: [tokens, y_stride]. REQUIRES: 1 <= tokens
// <= kTokensAtOnce. A sum is made in the same order whatever `tokens` and panel_count are.
struct PanelProductArgs {
  const std::byte* panels;
  size_t panel_count;
  size_t panel_bytes;
  PanelInput x;
  size_t first_token;
  size_t tokens;
  float* y;
  size_t y_stride;
};
using PanelProduct = void (*)(const PanelProductArgs& args);

// Two panels, from one or two matrices, times all tokens, by tiles of bfloat16: those tiles of columns that
// begin with first_tile, an even number of them.
struct TileProductArgs {
  const std::byte* panels[2];  // from first_tile on
  size_t panel_bytes[2];       // of the tiles
  const std::byte* next[2];    // the panels of the next call, to be fetched meanwhile
  uint8_t types[2];            // PackedType
  PanelInput x;                // tokens filled up to a multiple of kTileTokens
  size_t first_tile;
  size_t tiles;
  size_t tokens;
  uint16_t* scratch;  // [2][32 tiles][16]: the panels as tiles
  float* sums;        // [tokens, filled up][2][16]
};
// y[i]: [tokens, y_stride], of panel i; 16 columns of it are written or, where first_tile is not 0, added to.
using TileProduct = void (*)(const TileProductArgs& args, float* const y[2], size_t y_stride);
// For all tiles: silu(panel 0's product) * panel 1's, to 16 columns of bfloat16 tiles that begin at `column`,
// a multiple of 16, of rows of out_columns.
using TileSwiGlu = void (*)(const TileProductArgs& args, size_t column, size_t out_columns, uint16_t* out);

struct PanelKernels {
  PanelProduct q4_1, q4_0, q8_0, bf16;
};

struct TileKernels {
  // Enclose a thread's use of the others.
  void (*begin)();
  void (*end)();
  TileProduct product;
  TileSwiGlu swiglu;
};

extern const PanelKernels kPortableKernels;
#if defined(__x86_64__)
extern const PanelKernels kAvx2Kernels;
extern const PanelKernels kAvx512VnniKernels;
extern const PanelProduct kAvx512Bf16Product;  // in place of kAvx512VnniKernels.bf16
extern const TileKernels kAmxKernels;
// For activations with `fine`: the bits of kAvx512VnniKernels, sooner where tokens are five or more. bf16 is
// null.
extern const PanelKernels kAmxIntegerKernels;
#endif

}  // namespace kvscope
