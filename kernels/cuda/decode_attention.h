// Attention of single queries over paged slots on a device: split over slots, then combined. The twin is
// kernels/cpu/attention.h.
//
// The work is a list of tiles. A tile is up to kTileQueries queries against one split, kSplitSlots successive
// slots, of one cached head: it reads each of their keys and values once. In decoding, a tile's queries are
// those of a GQA group. Where several rows of a batch share a prompt's pages, they are the groups of all
// these rows ("cascade"): the same kernel, another list.
//
// The first kernel leaves, for each query and split, the maximum and the sum of exponentials, the weighted
// values, and where wanted every slot's exponential. The second combines the splits and leaves the factor by
// which each split's exponentials become probabilities; who reads them multiplies.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>

#include "kernels/kv_page.h"

namespace kvscope {

inline constexpr unsigned kTileQueries = 8;
inline constexpr unsigned kSplitPages = 4;
inline constexpr unsigned kSplitSlots = kSplitPages * 64;
static_assert(kPageSlots == 64);

// One query head of one token.
struct AttentionRow {
  static constexpr uint64_t kNotKept = ~uint64_t{0};

  unsigned slots;          // it attends to slots [0, slots); where there are none, its out is 0
  unsigned first_partial;  // its splits' results are partials [first_partial, first_partial + Splits())
  uint64_t
      first_probability;  // its exponentials are [first_probability, first_probability + slots); or kNotKept

  __host__ __device__ unsigned Splits() const { return (slots + kSplitSlots - 1) / kSplitSlots; }
};

struct AttentionTile {
  const std::byte* const*
      pages;         // [kSplitPages or what `slots` need] pages of kernels/cuda/kv_layout.h; in device memory
  unsigned slots;    // of the split: at most kSplitSlots, the same for all queries
  unsigned split;    // number of the split in its rows
  unsigned queries;  // at most kTileQueries; 0: nothing is done, and `slots` is 0
  unsigned rows[kTileQueries];  // AttentionRow of each query, its place in q and out, too
};

// All pointers are of device memory.
template <class T>
struct DecodeAttentionParams {
  const float* q;              // [rows, head_dim], rotated, not scaled
  const AttentionRow* rows;    // [row_count]
  const AttentionTile* tiles;  // [tile_count]; together each split of each row once
  unsigned row_count;
  unsigned tile_count;
  unsigned tile_queries;  // the most queries that a tile has
  unsigned head_dim;      // 8 times a power of two
  KvType kv_type;
  float scale;           // 1 / sqrt(head_dim)
  float* partial_max;    // scratch: [partials]
  float* partial_sum;    // scratch: [partials]
  float* partial_out;    // scratch: [partials, head_dim]
  float* factors;        // out: [partials]
  float* probabilities;  // out: exponentials, at each row's first_probability; may be null where no row keeps
                         // them
  T* out;                // [rows, head_dim]
};

// out = softmax(scale * q . K) V of each row. Where a row keeps its exponentials, the probability of its slot
// j is probabilities[first_probability + j] * factors[first_partial + j / kSplitSlots]. T is float or
// __nv_bfloat16.
//
// Float throughout. A score is a sum over 8 elements a lane, in order, then over lanes by xor of their
// numbers; a split's sum goes over slots 32 apart, then over lanes; its weighted values over slots as far
// apart as a block has groups of lanes, then over groups; splits are added in order. So a row's bits depend
// on its own slots only: neither on the other rows nor on how the work was cut into tiles.
// cudaErrorInvalidValue when parameters are not as described; nothing is launched then. What is in device
// memory is not checked.
template <class T>
[[nodiscard]] cudaError_t DecodeAttentionOnDevice(const DecodeAttentionParams<T>& params,
                                                  cudaStream_t stream);

}  // namespace kvscope
