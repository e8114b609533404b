// 32 neighbouring elements of a stored row, on their way from device memory to a tile of bfloat16 in shared memory: loaded
// as they are, dequantized later, so that other work can go on in between.
#pragma once

#include <cstdint>

#include "kernels/cuda/convert.cuh"
#include "kernels/cuda/device.h"
#include "kernels/dtype.h"

namespace kvscope {
namespace {

inline constexpr unsigned kRunElements = 32;

__device__ __forceinline__ float HalfOf(unsigned bits) {
  return ToFloat(__ushort_as_half(static_cast<unsigned short>(bits & 0xffff)));
}

// The run's stored bytes. kWords words of kWordBytes, which a run is aligned to.
template <DType kType>
struct StoredRun;

// A block with a header of 16-bit numbers.
template <unsigned kBytes>
struct BlockRun {
  using Word = unsigned short;
  static constexpr unsigned kWords = kBytes / sizeof(Word);
  Word words[kWords];
};
template <>
struct StoredRun<DType::kQ8_0> : BlockRun<34> {};
template <>
struct StoredRun<DType::kQ4_0> : BlockRun<18> {};
template <>
struct StoredRun<DType::kQ4_1> {
  using Word = uint32_t;
  static constexpr unsigned kWords = 5;
  Word words[kWords];
};

// Plain elements.
template <unsigned kElementBytes>
struct PlainRun {
  using Word = uint4;
  static constexpr unsigned kWords = kRunElements * kElementBytes / sizeof(Word);
  Word words[kWords];
};
template <>
struct StoredRun<DType::kF32> : PlainRun<4> {};
template <>
struct StoredRun<DType::kF16> : PlainRun<2> {};
template <>
struct StoredRun<DType::kBF16> : PlainRun<2> {};

template <DType kType>
inline constexpr bool kIsPlain = kType == DType::kF32 || kType == DType::kF16 || kType == DType::kBF16;

// Loads the run that begins at column `column` of `row`; zeros beyond `columns`. Of block types a run is a block.
template <DType kType>
__device__ __forceinline__ void LoadRun(const std::byte* row, size_t column, size_t columns, StoredRun<kType>& run) {
  using Word = typename StoredRun<kType>::Word;
  constexpr size_t kRunBytes = sizeof(run.words);
  const Word* const from = reinterpret_cast<const Word*>(row + column / kRunElements * kRunBytes);
  constexpr unsigned kWordElements = kIsPlain<kType> ? kRunElements / StoredRun<kType>::kWords : kRunElements;
#pragma unroll
  for (unsigned i = 0; i < StoredRun<kType>::kWords; ++i) {
    const bool inside = column + (kIsPlain<kType> ? i * kWordElements : 0) < columns;
    run.words[i] = inside ? from[i] : Word{};
  }
}

__device__ __forceinline__ float NibbleOf(uint32_t bits, unsigned shift) { return static_cast<float>(bits >> shift & 15); }

// The run as 16 pairs of bfloat16, in order.
template <DType kType>
__device__ __forceinline__ void Dequantize(const StoredRun<kType>& run, uint32_t (&pairs)[kRunElements / 2]) {
  if constexpr (kType == DType::kBF16) {
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      pairs[4 * i] = run.words[i].x, pairs[4 * i + 1] = run.words[i].y;
      pairs[4 * i + 2] = run.words[i].z, pairs[4 * i + 3] = run.words[i].w;
    }
  } else if constexpr (kType == DType::kF16) {
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
      const uint32_t words[4] = {run.words[i].x, run.words[i].y, run.words[i].z, run.words[i].w};
#pragma unroll
      for (unsigned j = 0; j < 4; ++j) pairs[4 * i + j] = PairOf(HalfOf(words[j]), HalfOf(words[j] >> 16));
    }
  } else if constexpr (kType == DType::kF32) {
#pragma unroll
    for (unsigned i = 0; i < 8; ++i) {
      pairs[2 * i] = PairOf(__uint_as_float(run.words[i].x), __uint_as_float(run.words[i].y));
      pairs[2 * i + 1] = PairOf(__uint_as_float(run.words[i].z), __uint_as_float(run.words[i].w));
    }
  } else if constexpr (kType == DType::kQ8_0) {
    const float scale = HalfOf(run.words[0]);
#pragma unroll
    for (unsigned i = 0; i < 16; ++i) {
      const auto low = static_cast<signed char>(run.words[1 + i] & 0xff);
      const auto high = static_cast<signed char>(run.words[1 + i] >> 8);
      pairs[i] = PairOf(scale * static_cast<float>(low), scale * static_cast<float>(high));
    }
  } else if constexpr (kType == DType::kQ4_0) {
    const float scale = HalfOf(run.words[0]);
#pragma unroll
    for (unsigned i = 0; i < 8; ++i) {
      const uint32_t packed = run.words[1 + i];
      pairs[i] = PairOf(scale * (NibbleOf(packed, 0) - 8.0f), scale * (NibbleOf(packed, 8) - 8.0f));
      pairs[8 + i] = PairOf(scale * (NibbleOf(packed, 4) - 8.0f), scale * (NibbleOf(packed, 12) - 8.0f));
    }
  } else {
    static_assert(kType == DType::kQ4_1);
    const float scale = HalfOf(run.words[0]), minimum = HalfOf(run.words[0] >> 16);
#pragma unroll
    for (unsigned i = 0; i < 8; ++i) {
      const uint32_t packed = run.words[1 + i / 2] >> 16 * (i % 2);
      pairs[i] = PairOf(fmaf(scale, NibbleOf(packed, 0), minimum), fmaf(scale, NibbleOf(packed, 8), minimum));
      pairs[8 + i] = PairOf(fmaf(scale, NibbleOf(packed, 4), minimum), fmaf(scale, NibbleOf(packed, 12), minimum));
    }
  }
}

}  // namespace
}  // namespace kvscope
