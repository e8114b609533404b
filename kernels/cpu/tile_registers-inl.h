// What the files compiled for AMX share of the tile registers. In an unnamed namespace, so that nothing
// compiled for these instructions is seen outside of the file that includes it.
#pragma once

#include <immintrin.h>
#include <stdint.h>

namespace kvscope {
namespace {

// As the processor reads it. Every register of kWholeTiles: 16 rows of 64 bytes.
struct alignas(64) TileConfig {
  uint8_t palette;
  uint8_t start_row;
  uint8_t reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64);

// Not a local variable: GCC 12 does not know that loading a configuration reads all of it.
constexpr TileConfig kWholeTiles = {
    .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

// Enclose a thread's use of the registers.
inline void BeginTiles() { _tile_loadconfig(&kWholeTiles); }
inline void EndTiles() { _tile_release(); }

// GCC 12 does not know that tiles are loaded from memory: what was written there has to be there.
inline __attribute__((always_inline)) void FinishStores() { __asm__ volatile("" ::: "memory"); }

}  // namespace
}  // namespace kvscope
