#include "kernels/cpu/activation_rows.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/activation_rows.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "hwy/highway.h"
#include "kernels/cpu/elementwise-inl.h"
#include "kernels/cpu/packed_matrix.h"

HWY_BEFORE_NAMESPACE();
namespace kvscope::HWY_NAMESPACE {

// Rounds to steps of scale or, kFine, of scale / 256. The largest size is found among bits, where NaN is
// larger than any number: it comes to be the scale.
template <bool kFine>
HWY_INLINE void WriteIntegers(const float* HWY_RESTRICT block, size_t b, const ActivationRow& row) {
  const F d;
  const hn::RebindToSigned<F> d32;
  const hn::Rebind<int8_t, F> d8;
  auto largest = hn::Zero(d32);
  for (size_t i = 0; i < kActivationBlock; i += kLanes)
    largest = hn::Max(largest, hn::BitCast(d32, hn::Abs(hn::Load(d, block + i))));
  const float size = hn::GetLane(hn::BitCast(d, hn::MaxOfLanes(d32, largest)));
  const V steps = hn::Set(d, size > 0 ? 127.0f / size : 0.0f);
  // What is no number becomes one here, and so do 128 fine steps.
  const auto round = [=](V value) {
    const auto limit = hn::Set(d32, 127);
    return hn::Min(hn::Max(hn::NearestInt(value), hn::Neg(limit)), limit);
  };
  auto sums = hn::Zero(d32);
  for (size_t i = 0; i < kActivationBlock; i += kLanes) {
    const V value = hn::Mul(hn::Load(d, block + i), steps);
    const auto q = round(value);
    hn::StoreU(hn::DemoteTo(d8, q), d8, row.q + b * kActivationBlock + i);
    if constexpr (kFine) {
      const V rest = hn::Mul(hn::Sub(value, hn::ConvertTo(d, q)), hn::Set(d, 256.0f));
      const auto fine = round(rest);
      hn::StoreU(hn::DemoteTo(d8, fine), d8, row.fine + b * kActivationBlock + i);
      sums = hn::Add(sums, hn::Add(hn::ShiftLeft<8>(q), fine));
    } else {
      sums = hn::Add(sums, q);
    }
  }
  const int32_t sum = hn::GetLane(hn::SumOfLanes(d32, sums));
  row.scale[b] = size / 127.0f;
  row.scaled_sum[b] = row.scale[b] * (kFine ? 0x1p-8f : 1.0f) * static_cast<float>(sum);
  row.negative_sum[b] = -sum;
}

// Rounds the bits. The NaN that arithmetic makes stays one.
HWY_INLINE void WriteHalves(const float* HWY_RESTRICT block, size_t b, const ActivationRow& row) {
  const F d;
  const hn::RebindToUnsigned<F> d32;
  const hn::RebindToSigned<F> signed32;
  const hn::Rebind<uint16_t, F> d16;
  uint16_t* const to = row.halves + b * kTileRows * kTileColumns;
  for (size_t i = 0; i < kActivationBlock; i += kLanes) {
    const auto bits = hn::BitCast(d32, hn::Load(d, block + i));
    const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(d32, 0x7fff))));
    hn::StoreU(hn::DemoteTo(d16, hn::BitCast(signed32, rounded)), d16, to + i);
  }
}

// Columns [first, first + n) of a row, the blocks made by fill(at, count, block): elements [at, at + count)
// of n.
template <typename Fill>
HWY_INLINE void WriteBlocks(size_t first, size_t n, const ActivationRow& row, const Fill& fill) {
  HWY_ALIGN float block[kActivationBlock];
  for (size_t at = 0; at < n; at += kActivationBlock) {
    const size_t count = std::min(kActivationBlock, n - at);
    if (count < kActivationBlock) std::fill(block, block + kActivationBlock, 0.0f);
    fill(at, count, block);
    const size_t b = (first + at) / kActivationBlock;
    if (row.fine != nullptr) {
      WriteIntegers<true>(block, b, row);
    } else if (row.q != nullptr) {
      WriteIntegers<false>(block, b, row);
    }
    if (row.halves != nullptr) WriteHalves(block, b, row);
  }
}

void SetImpl(const float* HWY_RESTRICT x, size_t n, const ActivationRow& row) {
  WriteBlocks(0, n, row,
              [x](size_t at, size_t count, float* HWY_RESTRICT block) { std::copy_n(x + at, count, block); });
}

void SetRmsNormImpl(const float* HWY_RESTRICT x, const float* HWY_RESTRICT weight, float eps, size_t n,
                    const ActivationRow& row) {
  const float scale = RmsScale(x, n, eps);
  WriteBlocks(0, n, row, [=](size_t at, size_t count, float* HWY_RESTRICT block) {
    const F d;
    const V scales = hn::Set(d, scale);
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      const V scaled = hn::Mul(hn::LoadU(d, x + at + i), scales);
      hn::Store(hn::Mul(scaled, hn::LoadU(d, weight + at + i)), d, block + i);
    }
    for (; i < count; ++i) block[i] = x[at + i] * scale * weight[at + i];
  });
}

void SetSwiGluImpl(const float* HWY_RESTRICT gate, const float* HWY_RESTRICT up, size_t first, size_t n,
                   const ActivationRow& row) {
  WriteBlocks(first, n, row, [=](size_t at, size_t count, float* HWY_RESTRICT block) {
    const F d;
    size_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      const V value = hn::Mul(Silu(hn::LoadU(d, gate + at + i)), hn::LoadU(d, up + at + i));
      hn::Store(value, d, block + i);
    }
    for (; i < count; ++i) block[i] = Silu(gate[at + i]) * up[at + i];
  });
}

}  // namespace kvscope::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace kvscope {
namespace {

HWY_EXPORT(SetImpl);
HWY_EXPORT(SetRmsNormImpl);
HWY_EXPORT(SetSwiGluImpl);

template <typename T>
void Grow(AlignedVector<T>& values, size_t size) {
  if (values.size() < size) values.resize(size);
}

}  // namespace

ActivationRows::ActivationRows(size_t columns)
    : columns_(columns), padded_((columns + kGroupColumns - 1) / kGroupColumns * kGroupColumns) {}

void ActivationRows::Resize(size_t rows, ActivationForms forms) {
  forms_ = forms;
  if (forms.int8 || forms.int16) {
    const size_t blocks = padded_ / kActivationBlock;
    Grow(q_, rows * QStride());
    Grow(scale_, rows * blocks);
    Grow(scaled_sum_, rows * blocks);
    Grow(negative_sum_, rows * blocks);
  }
  if (forms.bf16) Grow(halves_, (rows + kTileTokens - 1) / kTileTokens * kTileTokens * padded_);
}

ActivationRow ActivationRows::Row(size_t r) {
  ActivationRow row;
  if (forms_.int8 || forms_.int16) {
    const size_t blocks = padded_ / kActivationBlock;
    row.q = q_.data() + r * QStride();
    if (forms_.int16) row.fine = row.q + padded_;
    row.scale = scale_.data() + r * blocks;
    row.scaled_sum = scaled_sum_.data() + r * blocks;
    row.negative_sum = negative_sum_.data() + r * blocks;
  }
  if (forms_.bf16)
    row.halves = halves_.data() + r / kTileRows * kTileRows * padded_ + r % kTileRows * kTileColumns;
  return row;
}

void ActivationRows::Set(size_t r, const float* x) { HWY_DYNAMIC_DISPATCH(SetImpl)(x, columns_, Row(r)); }

void ActivationRows::SetRmsNorm(size_t r, const float* x, const float* weight, float eps) {
  HWY_DYNAMIC_DISPATCH(SetRmsNormImpl)(x, weight, eps, columns_, Row(r));
}

void ActivationRows::SetSwiGlu(size_t r, size_t first, size_t n, const float* gate, const float* up) {
  HWY_DYNAMIC_DISPATCH(SetSwiGluImpl)(gate, up, first, n, Row(r));
}

PanelInput ActivationRows::input() const {
  return {.columns = padded_,
          .q = q_.data(),
          .fine = forms_.int16 ? q_.data() + padded_ : nullptr,
          .q_stride = QStride(),
          .scale = scale_.data(),
          .scaled_sum = scaled_sum_.data(),
          .negative_sum = negative_sum_.data(),
          .halves = halves_.data()};
}

size_t ActivationRows::bytes() const {
  return q_.size() + scale_.size() * sizeof(scale_[0]) + scaled_sum_.size() * sizeof(scaled_sum_[0]) +
         negative_sum_.size() * sizeof(negative_sum_[0]) + halves_.size() * sizeof(halves_[0]);
}

}  // namespace kvscope
#endif  // HWY_ONCE
