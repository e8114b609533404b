// What each kernel of kernels/cuda moves and computes, by formula. kernel_work_test.cc holds the bytes
// against what the emulator counts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "kernels/dtype.h"
#include "kernels/kv_page.h"

namespace kvscope::roofline {

struct KernelWork {
  std::string_view kernel;       // as in KERNEL<...>
  uint64_t load_bytes = 0;       // each byte once a launch: what must come from memory
  uint64_t requested_bytes = 0;  // as the threads ask: what caches and broadcasts within a warp have to serve
  uint64_t store_bytes = 0;
  double flops = 0;  // a fused multiplication and addition is two

  uint64_t memory_bytes() const { return load_bytes + store_bytes; }
};

inline constexpr size_t kFloat = sizeof(float);

// Of kernels/cuda, which needs CUDA's headers where this does not; kernel_work_test.cc compares.
inline constexpr size_t kSplitSlots = 256;
inline constexpr size_t kTileQueries = 8;
inline constexpr size_t kPageAddressBytes = 8;
inline constexpr size_t kAttentionTileBytes = 56;
inline constexpr size_t kAttentionRowBytes = 16;
inline constexpr size_t kGroupScoreItemBytes = 32;
inline constexpr size_t kSelectItemBytes = 56;
inline constexpr size_t kKeyScoreItemBytes = 40;
inline constexpr size_t kSlotEditBytes = 40;
inline constexpr size_t kCacheWriteBytes = 16;
inline constexpr size_t kCacheEditBytes = 20;  // used ones

// ---- Rows of activations. `element_bytes`: of an activation.

KernelWork EmbedWork(DType table, size_t columns, size_t tokens, size_t element_bytes);
KernelWork RmsNormWork(size_t rows, size_t columns, size_t element_bytes);
KernelWork SwiGluWork(size_t n, size_t element_bytes);
KernelWork AddToWork(size_t n, size_t element_bytes);
KernelWork ArgMaxWork(size_t rows, size_t columns);

// The exact float32 product: a weight is read once for 8 tokens.
KernelWork MatMulWork(DType weights, size_t rows, size_t columns, size_t tokens);

// The product on tensor cores: a block reads 32 rows of weights for 8 tokens, or, of more than 32, 64 rows
// for 64.
KernelWork TensorMatMulWork(DType weights, size_t rows, size_t columns, size_t tokens);
// The library's product of matrices in bfloat16: what it asks caches for is its own affair.
KernelWork DenseMatMulWork(size_t rows, size_t columns, size_t tokens);
KernelWork RoundWork(size_t n);

struct HeadShape {
  size_t heads = 0;
  size_t kv_heads = 0;
  size_t head_dim = 0;
  KvType kv = KvType::kF16;
};

// `positions`: different ones among the tokens. A write caches a token's key and value in one cached head.
KernelWork RopeCacheWork(const HeadShape& shape, size_t tokens, size_t positions, size_t writes,
                         size_t element_bytes);

// ---- Attention.

// One decode step in one layer: `cached_heads` heads of `slots` slots, each read by `queries` query heads, at
// most a tile. `keeps_probabilities`: the method wants scores.
struct DecodeAttentionShape {
  size_t cached_heads = 0;
  size_t slots = 0;
  size_t queries = 0;
  size_t head_dim = 0;
  KvType kv = KvType::kF16;
  bool keeps_probabilities = false;
};
KernelWork DecodeAttentionWork(const DecodeAttentionShape& shape);
KernelWork CombineWork(const DecodeAttentionShape& shape, size_t out_bytes);
KernelWork GroupScoresWork(const DecodeAttentionShape& shape, bool accumulates);

// A prompt's attention in one layer.
KernelWork PrefillAttentionWork(const HeadShape& shape, size_t prompt);
// The form of the fast path: 64 queries a block in place of 32.
KernelWork TensorPrefillWork(const HeadShape& shape, size_t prompt);
KernelWork ReceivedAttentionWork(const HeadShape& shape, size_t prompt, size_t first_query);

// ---- Selection. `items`: cached heads, of `slots` each. `has_ranks`: entries are not in order of arrival.

KernelWork WorstSlotsWork(size_t items, size_t slots, bool has_ranks);
// requested_bytes is the most that it may be: the search ends at the digit that decides.
KernelWork SelectWork(size_t items, size_t slots, bool has_ranks, size_t listed);
// Of policies that look at keys, which it reads three times: for their lengths, their sum, and against the
// sum.
KernelWork KeyScoresWork(const HeadShape& shape, size_t items, size_t slots, bool reads_attention);
// `layers` of `heads` heads of `slots` slots, which hold positions below `positions`. Sums are stored again
// for each head.
KernelWork ShareLayerScoresWork(size_t layers, size_t heads, size_t slots, size_t positions);
// `edits` slots that get a new entry, whose rank, position and sum of scores are kept.
KernelWork EditSlotStatesWork(size_t edits);
KernelWork MaxPoolWork(size_t rows, size_t columns, size_t kernel);
// `edits` moves of a slot's key and value.
KernelWork EditCachesWork(const HeadShape& shape, size_t edits);

}  // namespace kvscope::roofline
