// Panel kernels in plain C++, for machines without AVX2: the 16 rows of a panel are a loop that compilers
// vectorise.
#include <cstring>

#include "kernels/cpu/packed_matrix.h"
#include "kernels/cpu/panel_kernels.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

constexpr size_t kBlock = 32;

void WidenScales(const std::byte* at, float* out) {
  for (size_t r = 0; r < kPanelRows; ++r) {
    uint16_t half = 0;
    std::memcpy(&half, at + 2 * r, 2);
    out[r] = F16ToF32(half);
  }
}

// sums[r] += the dword of row r, its bytes masked and shifted, times four activations.
void AddDword(const std::byte* dwords, int mask, int shift, const int8_t* x, int32_t* sums) {
  for (size_t r = 0; r < kPanelRows; ++r) {
    for (size_t i = 0; i < 4; ++i)
      sums[r] += ((std::to_integer<int>(dwords[4 * r + i]) & mask) >> shift) * x[i];
  }
}

// Integer sums of a block's 16 rows, without the offset of its type.
template <PackedType kType>
void BlockSums(const std::byte* quants, const int8_t* x, int32_t* sums) {
  constexpr size_t kDwords = (kType == PackedType::kQ8_0 ? kBlock : kBlock / 2) / 4;
  for (size_t j = 0; j < kDwords; ++j) {
    const std::byte* dwords = quants + 4 * kPanelRows * j;
    if constexpr (kType == PackedType::kQ8_0) {
      AddDword(dwords, 0xff, 0, x + 4 * j, sums);
    } else {
      AddDword(dwords, 0x0f, 0, x + 4 * j, sums);
      AddDword(dwords, 0xf0, 4, x + 16 + 4 * j, sums);
    }
  }
}

template <PackedType kType>
void QuantizedProduct(const PanelProductArgs& args) {
  const bool fine = args.x.fine != nullptr;
  const float unit = fine ? 0x1p-8f : 1.0f;
  constexpr size_t kScales = kPanelRows * 2;
  constexpr size_t kBlockScales = kType == PackedType::kQ4_1 ? 2 * kScales : kScales;
  constexpr size_t kBlockQuants = kPanelRows * kBlock / (kType == PackedType::kQ8_0 ? 1 : 2);
  constexpr int32_t kZero = kType == PackedType::kQ8_0 ? 128 : kType == PackedType::kQ4_0 ? 8 : 0;
  const size_t blocks = args.x.columns / kBlock;
  for (size_t p = 0; p < args.panel_count; ++p) {
    float sums[kTokensAtOnce][kPanelRows] = {};
    for (size_t b = 0; b < blocks; ++b) {
      const std::byte* group = args.panels + p * args.panel_bytes + b / 2 * GroupBytes(kType);
      const std::byte* scales = group + b % 2 * kBlockScales;
      float d[kPanelRows], m[kPanelRows] = {};
      WidenScales(scales, d);
      if constexpr (kType == PackedType::kQ4_1) WidenScales(scales + kScales, m);
      for (size_t t = 0; t < args.tokens; ++t) {
        const size_t at = (args.first_token + t) * blocks + b;
        const int8_t* x = args.x.q + (args.first_token + t) * args.x.q_stride + b * kBlock;
        int32_t block[kPanelRows];
        for (int32_t& sum : block) sum = kZero * args.x.negative_sum[at];
        const std::byte* quants = group + 2 * kBlockScales + b % 2 * kBlockQuants;
        int32_t coarse[kPanelRows] = {};
        BlockSums<kType>(quants, x, coarse);
        for (size_t r = 0; r < kPanelRows; ++r) block[r] += fine ? coarse[r] * 256 : coarse[r];
        if (fine) BlockSums<kType>(quants, x + args.x.columns, block);
        for (size_t r = 0; r < kPanelRows; ++r) {
          sums[t][r] += d[r] * unit * args.x.scale[at] * static_cast<float>(block[r]);
          if constexpr (kType == PackedType::kQ4_1) sums[t][r] += m[r] * args.x.scaled_sum[at];
        }
      }
    }
    for (size_t t = 0; t < args.tokens; ++t)
      std::memcpy(args.y + t * args.y_stride + p * kPanelRows, sums[t], sizeof(sums[t]));
  }
}

void Bf16Product(const PanelProductArgs& args) {
  const size_t tiles = args.x.columns / kTileColumns;
  for (size_t p = 0; p < args.panel_count; ++p) {
    const auto* panel = reinterpret_cast<const uint16_t*>(args.panels + p * args.panel_bytes);
    for (size_t t = 0; t < args.tokens; ++t) {
      const size_t token = args.first_token + t;
      const uint16_t* x = args.x.halves + token / kTileRows * tiles * kTileRows * kTileColumns +
                          token % kTileRows * kTileColumns;
      float sums[kPanelRows] = {};
      for (size_t k = 0; k < args.x.columns; k += 2) {
        const uint16_t* pair = x + k / kTileColumns * kTileRows * kTileColumns + k % kTileColumns;
        const float x0 = BF16ToF32(pair[0]), x1 = BF16ToF32(pair[1]);
        const uint16_t* w = panel + k * kPanelRows;
        for (size_t r = 0; r < kPanelRows; ++r)
          sums[r] += BF16ToF32(w[2 * r]) * x0 + BF16ToF32(w[2 * r + 1]) * x1;
      }
      std::memcpy(args.y + t * args.y_stride + p * kPanelRows, sums, sizeof(sums));
    }
  }
}

}  // namespace

const PanelKernels kPortableKernels = {.q4_1 = QuantizedProduct<PackedType::kQ4_1>,
                                       .q4_0 = QuantizedProduct<PackedType::kQ4_0>,
                                       .q8_0 = QuantizedProduct<PackedType::kQ8_0>,
                                       .bf16 = Bf16Product};

}  // namespace kvscope
