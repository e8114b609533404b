// The device language: what tensor cores do with fragments, the parts of a matrix that the lanes of a warp
// hold. The layouts are those of the PTX ISA, "Matrix Fragments for mma.m16n8k16" and "ldmatrix". Lane l is
// number l / 4 of 8 groups, and number l % 4 in its group.
#pragma once

#include <cuda_runtime.h>

#include <bit>
#include <cstdint>
#include <source_location>

#include "kernels/simt/block.h"
#include "kernels/simt/report.h"
#include "kernels/simt/warp.h"

namespace kvscope::simt {

struct LoadMatricesArgument {
  uint4 row;             // eight elements: lane l's are row l % 8 of matrix l / 8
  uint32_t elements[4];  // out: two of each matrix
};

KVSCOPE_SIMT_COLLECTIVE inline uint32_t ElementOf(const uint4& row, unsigned column) {
  const uint32_t words[4] = {row.x, row.y, row.z, row.w};
  return words[column / 2] >> 16 * (column % 2) & 0xffff;
}

// Of each matrix a lane gets elements 2 * (l % 4) and the next of row l / 4; kTransposed: of column l / 4.
template <bool kTransposed>
KVSCOPE_SIMT_COLLECTIVE void LoadMatricesOfLanes(uint32_t mask, void* const* arguments) {
  if (mask != ~0u) FatalInCollective("ldmatrix needs all lanes of the warp");
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    const unsigned line = lane / 4, pair = 2 * (lane % 4);
    for (unsigned matrix = 0; matrix < 4; ++matrix) {
      uint32_t pair_bits = 0;
      for (unsigned i = 0; i < 2; ++i) {
        const unsigned row = kTransposed ? pair + i : line, column = kTransposed ? line : pair + i;
        const auto* source = static_cast<const LoadMatricesArgument*>(arguments[8 * matrix + row]);
        pair_bits |= ElementOf(source->row, column) << 16 * i;
      }
      static_cast<LoadMatricesArgument*>(arguments[lane])->elements[matrix] = pair_bits;
    }
  }
}

template <bool kTransposed>
void LoadMatrices(uint32_t (&elements)[4], const void* row, const std::source_location& where) {
  LoadMatricesArgument argument;
  if (reinterpret_cast<uintptr_t>(row) % sizeof(argument.row) != 0) {
    Fatal("ldmatrix at {}: row {} is not aligned to 16 bytes", Describe(where), row);
  }
  argument.row = *static_cast<const uint4*>(row);
  WarpCollective(~0u, &LoadMatricesOfLanes<kTransposed>, &argument, "ldmatrix", where);
  for (unsigned i = 0; i < 4; ++i) elements[i] = argument.elements[i];
}

struct MultiplyAddArgument {
  const uint32_t* a;  // [4]: pairs of a 16 x 16 matrix
  const uint32_t* b;  // [2]: pairs of a 16 x 8 matrix
  float* sums;        // [4]: of the 16 x 8 product
};

KVSCOPE_SIMT_COLLECTIVE inline float BF16OfPair(uint32_t pair, unsigned i) {
  return std::bit_cast<float>(i == 0 ? pair << 16 : pair & 0xffff0000u);
}

// sums += a b in float, from the first column of a to the last. A device may round otherwise.
KVSCOPE_SIMT_COLLECTIVE inline void MultiplyAddLanes(uint32_t mask, void* const* arguments) {
  if (mask != ~0u) FatalInCollective("mma needs all lanes of the warp");
  float a[16][16], b[16][8];
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    const auto* fragment = static_cast<const MultiplyAddArgument*>(arguments[lane]);
    const unsigned group = lane / 4, pair = 2 * (lane % 4);
    for (unsigned i = 0; i < 2; ++i) {
      for (unsigned j = 0; j < 4; ++j)
        a[group + 8 * (j % 2)][pair + i + 8 * (j / 2)] = BF16OfPair(fragment->a[j], i);
      for (unsigned j = 0; j < 2; ++j) b[pair + i + 8 * j][group] = BF16OfPair(fragment->b[j], i);
    }
  }
  for (unsigned lane = 0; lane < kWarpLanes; ++lane) {
    float* const sums = static_cast<MultiplyAddArgument*>(arguments[lane])->sums;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      for (unsigned k = 0; k < 16; ++k) sums[i] += a[row][k] * b[k][column];
    }
  }
}

inline void MultiplyAdd(float (&sums)[4], const uint32_t (&a)[4], const uint32_t (&b)[2],
                        const std::source_location& where) {
  MultiplyAddArgument argument{a, b, sums};
  WarpCollective(~0u, &MultiplyAddLanes, &argument, "mma", where);
}

}  // namespace kvscope::simt
