#include "kernels/cpu/matmul.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/matmul.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/aligned.h"
#include "kernels/cpu/vector-inl.h"
#include "kernels/half.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

// ---- dequantization: one block or vector at a time ----

HWY_INLINE uint16_t LoadU16(const std::byte* p) {
  uint16_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

// 32 nibbles, low halves first, as 32 bytes.
HWY_INLINE void UnpackNibbles(const std::byte* packed, uint8_t* HWY_RESTRICT out) {
  const hn::CappedTag<uint8_t, 16> d8;
  for (size_t i = 0; i < 16; i += hn::MaxLanes(hn::CappedTag<uint8_t, 16>())) {
    const auto bytes = hn::LoadU(d8, reinterpret_cast<const uint8_t*>(packed) + i);
    hn::StoreU(hn::And(bytes, hn::Set(d8, 0x0f)), d8, out + i);
    hn::StoreU(hn::ShiftRight<4>(bytes), d8, out + i + 16);
  }
}

template <typename Integer>
HWY_INLINE V LoadAsFloat(F d, const Integer* HWY_RESTRICT from) {
  const hn::Rebind<Integer, F> d8;
  const hn::Rebind<int32_t, F> d32;
  return hn::ConvertTo(d, hn::PromoteTo(d32, hn::LoadU(d8, from)));
}

HWY_INLINE void DequantizeQ8_0(const std::byte* block, float* HWY_RESTRICT out) {
  const F d;
  const V scale = hn::Set(d, F16ToF32(LoadU16(block)));
  const auto* q = reinterpret_cast<const int8_t*>(block + 2);
  for (size_t i = 0; i < 32; i += kLanes) hn::StoreU(hn::Mul(scale, LoadAsFloat(d, q + i)), d, out + i);
}

HWY_INLINE void DequantizeQ4_0(const std::byte* block, float* HWY_RESTRICT out) {
  const F d;
  const V scale = hn::Set(d, F16ToF32(LoadU16(block)));
  uint8_t q[32];
  UnpackNibbles(block + 2, q);
  for (size_t i = 0; i < 32; i += kLanes) {
    hn::StoreU(hn::Mul(scale, hn::Sub(LoadAsFloat(d, q + i), hn::Set(d, 8.0f))), d, out + i);
  }
}

// d * q is exact (11 bits by 4), so a fused multiply-add rounds as the plain twin does: once.
HWY_INLINE void DequantizeQ4_1(const std::byte* block, float* HWY_RESTRICT out) {
  const F d;
  const V scale = hn::Set(d, F16ToF32(LoadU16(block)));
  const V minimum = hn::Set(d, F16ToF32(LoadU16(block + 2)));
  uint8_t q[32];
  UnpackNibbles(block + 4, q);
  for (size_t i = 0; i < 32; i += kLanes) {
    hn::StoreU(hn::MulAdd(scale, LoadAsFloat(d, q + i), minimum), d, out + i);
  }
}

template <typename Half, float (*widen)(uint16_t)>
void WidenHalves(const std::byte* from, size_t columns, float* HWY_RESTRICT out) {
  const F d;
  const hn::Rebind<Half, F> half;
  size_t i = 0;
  for (; i + kLanes <= columns; i += kLanes) {
    hn::StoreU(hn::PromoteTo(d, hn::LoadU(half, reinterpret_cast<const Half*>(from) + i)), d, out + i);
  }
  for (; i < columns; ++i) out[i] = widen(LoadU16(from + 2 * i));
}

void DequantizeRowImpl(DType dtype, const std::byte* row, size_t columns, float* HWY_RESTRICT out) {
  switch (dtype) {
    case DType::kF32:
      std::memcpy(out, row, columns * sizeof(float));
      return;
    case DType::kF16:
      return WidenHalves<hwy::float16_t, F16ToF32>(row, columns, out);
    case DType::kBF16:
      return WidenHalves<hwy::bfloat16_t, BF16ToF32>(row, columns, out);
    case DType::kQ8_0:
      for (size_t i = 0; i < columns; i += 32, row += 34) DequantizeQ8_0(row, out + i);
      return;
    case DType::kQ4_0:
      for (size_t i = 0; i < columns; i += 32, row += 18) DequantizeQ4_0(row, out + i);
      return;
    case DType::kQ4_1:
      for (size_t i = 0; i < columns; i += 32, row += 20) DequantizeQ4_1(row, out + i);
      return;
  }
}

// ---- products ----

// Tokens x rows of one register tile: accumulators and operands fit 32 AVX-512 or 16 AVX2 registers.
inline constexpr size_t kTileTokens = kVectors == 1 ? 6 : 2;
inline constexpr size_t kTileRows = kVectors == 1 ? 4 : 2;

// y[t][r] for kTokens tokens and kRows rows. w: [kRows, columns], columns a multiple of 16.
template <size_t kTokens, size_t kRows>
HWY_INLINE void Tile(const float* HWY_RESTRICT w, size_t columns, const float* HWY_RESTRICT x,
                     size_t x_stride, float* HWY_RESTRICT y, size_t y_stride) {
  const F d;
  V sums[kTokens][kRows][kVectors];
  for (size_t t = 0; t < kTokens; ++t) {
    for (size_t r = 0; r < kRows; ++r) {
      for (size_t v = 0; v < kVectors; ++v) sums[t][r][v] = hn::Zero(d);
    }
  }
  for (size_t k = 0; k < columns; k += kSumLanes) {
    for (size_t v = 0; v < kVectors; ++v) {
      V rows[kRows];
      for (size_t r = 0; r < kRows; ++r) rows[r] = hn::LoadU(d, w + r * columns + k + v * kLanes);
      for (size_t t = 0; t < kTokens; ++t) {
        const V token = hn::LoadU(d, x + t * x_stride + k + v * kLanes);
        for (size_t r = 0; r < kRows; ++r) sums[t][r][v] = hn::MulAdd(token, rows[r], sums[t][r][v]);
      }
    }
  }
  for (size_t t = 0; t < kTokens; ++t) {
    for (size_t r = 0; r < kRows; ++r) y[t * y_stride + r] = SumLanes(sums[t][r]);
  }
}

template <size_t kTokens>
void TileOfTokens(const float* w, size_t rows, size_t columns, const float* x, size_t x_stride, float* y,
                  size_t y_stride) {
  size_t r = 0;
  for (; r + kTileRows <= rows; r += kTileRows) {
    Tile<kTokens, kTileRows>(w + r * columns, columns, x, x_stride, y + r, y_stride);
  }
  for (; r < rows; ++r) Tile<kTokens, 1>(w + r * columns, columns, x, x_stride, y + r, y_stride);
}

// Tiles of kTokens tokens, and of what is left one smaller tile.
template <size_t kTokens = kTileTokens>
void RowsTimesTokens(const float* w, size_t rows, size_t columns, const float* x, size_t x_stride,
                     size_t tokens, float* y, size_t y_stride) {
  size_t t = 0;
  for (; t + kTokens <= tokens; t += kTokens) {
    TileOfTokens<kTokens>(w, rows, columns, x + t * x_stride, x_stride, y + t * y_stride, y_stride);
  }
  if constexpr (kTokens > 1) {
    if (t == tokens) return;
    RowsTimesTokens<kTokens - 1>(w, rows, columns, x + t * x_stride, x_stride, tokens - t, y + t * y_stride,
                                 y_stride);
  }
}

// Rows [first, first + rows) of w times all tokens. `scratch`: [rows at a time, padded columns].
void MatMulRows(const WeightMatrix& w, size_t first, size_t rows, size_t rows_at_a_time, const float* x,
                size_t x_stride, size_t tokens, float* y, size_t y_stride, float* scratch) {
  const size_t padded = PaddedColumns(w.columns);
  for (size_t r = 0; r < rows; r += rows_at_a_time) {
    const size_t n = std::min(rows_at_a_time, rows - r);
    for (size_t i = 0; i < n; ++i) {
      float* out = scratch + i * padded;
      DequantizeRowImpl(w.dtype, w.row(first + r + i), w.columns, out);
      std::fill(out + w.columns, out + padded, 0.0f);
    }
    RowsTimesTokens(scratch, n, padded, x, x_stride, tokens, y + first + r, y_stride);
  }
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {

HWY_EXPORT(MatMulRows);
HWY_EXPORT(DequantizeRowImpl);

// Rows that one thread takes at a time, and rows dequantized before they are used: with few tokens a tile
// that stays in the first-level cache, with many a block in the second-level cache that all tokens pass over.
constexpr size_t kItemRows = 32;
constexpr size_t kFewTokens = 8;
constexpr size_t kRowsForFewTokens = 4;

float* ThreadScratch(size_t floats) {
  thread_local AlignedVector<float> scratch;
  if (scratch.size() < floats) scratch.resize(floats);
  return scratch.data();
}

}  // namespace

void MatMul(const WeightMatrix& w, const float* x, size_t x_stride, size_t tokens, float* y, size_t y_stride,
            ThreadPool& pool) {
  if (tokens == 0) return;
  const size_t rows_at_a_time = tokens <= kFewTokens ? kRowsForFewTokens : kItemRows;
  const size_t items = (w.rows + kItemRows - 1) / kItemRows;
  pool.ParallelFor(items, [&](size_t item, int) {
    const size_t first = item * kItemRows;
    const size_t rows = std::min(kItemRows, w.rows - first);
    HWY_DYNAMIC_DISPATCH(MatMulRows)
    (w, first, rows, rows_at_a_time, x, x_stride, tokens, y, y_stride,
     ThreadScratch(rows_at_a_time * PaddedColumns(w.columns)));
  });
}

void DequantizeRowFast(const WeightMatrix& w, size_t row, float* out) {
  HWY_DYNAMIC_DISPATCH(DequantizeRowImpl)(w.dtype, w.row(row), w.columns, out);
}

}  // namespace kvscope
#endif  // HWY_ONCE
