// The two products of attention, of a tile of queries with one page of a cache, as the fast path multiplies
// them: in bf16 or int8 where the processor has instructions for it, in float elsewhere, sums in float or
// int32.
//
// Nothing but declarations: files compiled for wider instruction sets include this.
#pragma once

#include <cstddef>

namespace kvscope {

// What one query takes after packing, at most.
constexpr size_t PackedQueryBytes(size_t head_dim) { return head_dim * sizeof(float) + 64; }

// Of tiles: prefill takes this many queries at once, and working space on the stack is for as many.
inline constexpr size_t kMaxTileQueries = 32;
inline constexpr size_t kMaxFastHeadDim = 256;

// All buffers start on a cache line and, of prefill's, have kMaxTileQueries rows. A query's results do not
// depend on the others of the tile.
struct PageProducts {
  // A thread calls these before its first and after its last product; null: nothing to do.
  void (*begin)();
  void (*end)();

  // Rewrites `factor` times each of q[0 .. queries) for `scores`. packed:
  // [kMaxTileQueries][PackedQueryBytes(head_dim)].
  void (*pack)(const float* const* q, size_t queries, size_t head_dim, float factor, std::byte* packed);

  // scores[r * stride + s] = factor * q[r] . key of slot s, for all 64 slots of the page.
  void (*scores)(const std::byte* packed, size_t queries, size_t head_dim, const std::byte* page,
                 float* scores, size_t stride);

  // out[r * head_dim + d] += sum of weights[r * stride + s] * value of slot s over all 64 slots; weights are
  // 0 where a slot is not to be seen, and never negative. `next_page`: the page read after this one, to be
  // fetched ahead.
  void (*values)(const float* weights, size_t stride, size_t queries, size_t head_dim, const std::byte* page,
                 const std::byte* next_page, float* out);
};

// Each for one type of cache. The last three run on processors that have their instructions only, and for
// head dimensions that are multiples of 16 (AMX: 32).
extern const PageProducts kFloatProducts[4];    // by KvType: sums in float, on any processor
extern const PageProducts kAvx512Bf16Products;  // of bf16 by vdpbf16ps
extern const PageProducts kAvx512VnniProducts;  // of int8 by vpdpbusd; queries and weights have 16 bits
extern const PageProducts kAmxBf16Products;     // of bf16 by tiles, for the many queries of prefill

}  // namespace kvscope
