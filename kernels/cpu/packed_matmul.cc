#include "kernels/cpu/packed_matmul.h"

#include <algorithm>
#include <cstring>

#include "kernels/aligned.h"
#include "kernels/cpu/cpu_level.h"
#include "kernels/cpu/panel_kernels.h"

namespace kvscope {
namespace {

const TileKernels* TilesOf(CpuLevel level) {
#if defined(__x86_64__)
  if (level >= CpuLevel::kAmx) return &kAmxKernels;
#endif
  (void)level;
  return nullptr;
}

const PanelKernels& PanelsOf(CpuLevel level) {
#if defined(__x86_64__)
  if (level >= CpuLevel::kAvx512Vnni) return kAvx512VnniKernels;
  if (level >= CpuLevel::kAvx2) return kAvx2Kernels;
#endif
  (void)level;
  return kPortableKernels;
}

PanelProduct ProductOf(const PanelKernels& kernels, PackedType type) {
  switch (type) {
    case PackedType::kQ4_1:
      return kernels.q4_1;
    case PackedType::kQ4_0:
      return kernels.q4_0;
    case PackedType::kQ8_0:
      return kernels.q8_0;
    case PackedType::kBF16:
      break;
  }
  return kernels.bf16;
}

PanelProduct KernelFor(PackedType type, const PanelInput& x, size_t tokens) {
  const CpuLevel level = CurrentLevel();
#if defined(__x86_64__)
  constexpr size_t kTokensForTiles = 5;
  if (type == PackedType::kBF16 && level >= CpuLevel::kAvx512Bf16) return kAvx512Bf16Product;
  if (TakesIntegers(type) && level >= CpuLevel::kAmx && x.fine != nullptr && tokens >= kTokensForTiles)
    return ProductOf(kAmxIntegerKernels, type);
#endif
  (void)x, (void)tokens;
  return ProductOf(PanelsOf(level), type);
}

// The kernels by tiles, where this pass uses them.
const TileKernels* TilesFor(Pass pass) { return pass == Pass::kPrefill ? TilesOf(CurrentLevel()) : nullptr; }

template <typename T>
T* ThreadScratch(size_t size) {
  thread_local AlignedVector<T> scratch;
  if (scratch.size() < size) scratch.resize(size);
  return scratch.data();
}

// Panels [first, end) of w times all rows. What they give lies at y, its row t at y + t * y_stride; rows of w
// that fill up the last panel are left out.
void Panels(const PackedMatrix& w, size_t first, size_t end, const PanelInput& x, size_t rows, float* y,
            size_t y_stride) {
  PanelProductArgs args{.panel_bytes = w.panel_bytes(), .x = x};
  const size_t whole = std::min(end, w.rows / kPanelRows);
  // Few rows: one after another, the panels stream by. Many: a panel stays in the nearest cache for all rows.
  const size_t together = rows <= kTokensAtOnce ? std::max<size_t>(1, whole - std::min(first, whole)) : 1;
  for (size_t p = first; p < end; p += args.panel_count) {
    args.panels = w.panel(p);
    args.panel_count = p < whole ? std::min(together, whole - p) : 1;
    for (size_t t = 0; t < rows; t += kTokensAtOnce) {
      args.first_token = t;
      args.tokens = std::min(kTokensAtOnce, rows - t);
      const PanelProduct product = KernelFor(w.type, x, args.tokens);
      float* const to = y + t * y_stride + (p - first) * kPanelRows;
      if (p < whole) {
        args.y = to;
        args.y_stride = y_stride;
        product(args);
        continue;
      }
      float part[kTokensAtOnce * kPanelRows];
      args.y = part;
      args.y_stride = kPanelRows;
      product(args);
      for (size_t i = 0; i < args.tokens; ++i)
        std::memcpy(to + i * y_stride, part + i * kPanelRows, w.rows % kPanelRows * sizeof(float));
    }
  }
}

// Floats of TileProductArgs::sums.
size_t SumsOf(size_t tokens) {
  return (tokens + kTileTokens - 1) / kTileTokens * kTileTokens * 2 * kPanelRows;
}

// Panels [first, end) of w by tiles, two at a time, and of many columns a slice at a time: the tokens' stays
// in the second-level cache for all panels.
void TilePanels(const TileKernels& tiles, const PackedMatrix& w, size_t first, size_t end,
                const PanelInput& x, size_t rows, float* y, size_t y_stride) {
  const auto type = static_cast<uint8_t>(w.type);
  const size_t all_tiles = x.columns / kTileColumns;
  float* const sums = ThreadScratch<float>(SumsOf(rows) + rows * 2 * kPanelRows);
  float* const both = sums + SumsOf(rows);  // two panels' product, where they fill up the matrix
  const auto multiply = [&](size_t p, size_t first_tile, size_t count, float* const to[2], size_t stride) {
    const auto bytes_of = [&](size_t n) { return n * kTileColumns / kGroupColumns * GroupBytes(w.type); };
    const auto slice = [&](size_t panel) { return w.panel(panel) + bytes_of(first_tile); };
    const size_t second = std::min(p + 1, end - 1);  // of an odd number, the last is computed twice
    tiles.product({.panels = {slice(p), slice(second)},
                   .panel_bytes = {bytes_of(count), bytes_of(count)},
                   .next = {slice(p + 2), slice(p + 3)},
                   .types = {type, type},
                   .x = x,
                   .first_tile = first_tile,
                   .tiles = count,
                   .tokens = rows,
                   .scratch = ThreadScratch<uint16_t>(2 * count * kTileColumns * kPanelRows),
                   .sums = sums},
                  to, stride);
  };
  // The last two panels, where the matrix does not fill them, are multiplied whole and copied in part.
  const size_t ragged =
      w.rows % (2 * kPanelRows) != 0 && end == w.panels() ? (end - first - 1) / 2 * 2 + first : end;
  for (size_t tile = 0; tile < all_tiles; tile += kSliceTiles) {
    const size_t count = std::min(kSliceTiles, all_tiles - tile);
    for (size_t p = first; p < ragged; p += 2) {
      float* const to = y + (p - first) * kPanelRows;
      float* const panels[2] = {to, to + (std::min(p + 1, end - 1) - p) * kPanelRows};
      multiply(p, tile, count, panels, y_stride);
    }
  }
  if (ragged == end) return;
  float* const panels[2] = {both, both + kPanelRows};
  multiply(ragged, 0, all_tiles, panels, 2 * kPanelRows);
  const size_t columns = w.rows - ragged * kPanelRows;
  for (size_t t = 0; t < rows; ++t)
    std::memcpy(y + t * y_stride + (ragged - first) * kPanelRows, both + t * 2 * kPanelRows,
                columns * sizeof(float));
}

}  // namespace

ActivationForms FormsFor(const PackedMatrix& w, Pass pass) {
  if (!TakesIntegers(w.type) || TilesFor(pass) != nullptr) return {.bf16 = true};
  // Decode waits for memory, not for arithmetic: there the second byte costs little.
  return {.int8 = pass == Pass::kPrefill, .int16 = pass == Pass::kDecode};
}

void PackedMatMul(std::span<const PackedProduct> products, const ActivationRows& x, size_t rows, Pass pass,
                  ThreadPool& pool) {
  if (rows == 0) return;
  const TileKernels* tiles = TilesFor(pass);
  const PanelInput input = x.input();
  // Units of two panels, those of the products one after another.
  const auto units_of = [](const PackedMatrix& w) { return (w.panels() + 1) / 2; };
  size_t units = 0;
  for (const PackedProduct& product : products) units += units_of(product.w);
  pool.ParallelRanges(units, [&](size_t first, size_t end, int) {
    if (tiles != nullptr) tiles->begin();
    size_t begin = 0;  // of the product's units
    for (const auto& [w, y, y_stride] : products) {
      const size_t from = 2 * (std::max(first, begin) - begin);
      const size_t to = end > begin ? std::min(2 * (end - begin), w.panels()) : 0;
      begin += units_of(w);
      if (from >= to) continue;
      float* const part = y + from * kPanelRows;
      if (tiles != nullptr) {
        TilePanels(*tiles, w, from, to, input, rows, part, y_stride);
      } else {
        Panels(w, from, to, input, rows, part, y_stride);
      }
    }
    if (tiles != nullptr) tiles->end();
  });
}

void PackedSwiGlu(const PackedMatrix& gate, const PackedMatrix& up, const ActivationRows& x, size_t rows,
                  Pass pass, ActivationRows& out, ThreadPool& pool) {
  if (rows == 0) return;
  const PanelInput input = x.input();
  if (const TileKernels* tiles = TilesFor(pass)) {
    pool.ParallelRanges(gate.panels(), [&](size_t first, size_t end, int) {
      tiles->begin();
      for (size_t p = first; p < end; ++p) {
        const TileProductArgs args{.panels = {gate.panel(p), up.panel(p)},
                                   .panel_bytes = {gate.panel_bytes(), up.panel_bytes()},
                                   .next = {gate.panel(p + 1), up.panel(p + 1)},
                                   .types = {static_cast<uint8_t>(gate.type), static_cast<uint8_t>(up.type)},
                                   .x = input,
                                   .first_tile = 0,
                                   .tiles = input.columns / kTileColumns,
                                   .tokens = rows,
                                   .scratch = ThreadScratch<uint16_t>(2 * input.columns * kPanelRows),
                                   .sums = ThreadScratch<float>(SumsOf(rows))};
        tiles->swiglu(args, p * kPanelRows, out.padded_columns(), out.halves());
      }
      tiles->end();
    });
    return;
  }
  // Two panels are a block of out.
  constexpr size_t kPanels = 2, kColumns = kPanels * kPanelRows;
  static_assert(kColumns == kActivationBlock);
  pool.ParallelRanges((gate.panels() + 1) / kPanels, [&](size_t first, size_t end, int) {
    float* const gates = ThreadScratch<float>(2 * rows * kColumns);
    float* const ups = gates + rows * kColumns;
    for (size_t unit = first; unit < end; ++unit) {
      const size_t from = unit * kPanels, to = std::min(from + kPanels, gate.panels());
      Panels(gate, from, to, input, rows, gates, kColumns);
      Panels(up, from, to, input, rows, ups, kColumns);
      const size_t columns = std::min(kColumns, gate.rows - unit * kColumns);
      for (size_t t = 0; t < rows; ++t)
        out.SetSwiGlu(t, unit * kColumns, columns, gates + t * kColumns, ups + t * kColumns);
    }
  });
}

}  // namespace kvscope
