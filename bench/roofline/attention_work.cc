#include <algorithm>

#include "bench/roofline/kernel_work.h"

namespace kvscope::roofline {
namespace {

constexpr size_t Ceil(size_t a, size_t b) { return (a + b - 1) / b; }

constexpr size_t kPrefillThreads = 128;
constexpr size_t kPrefillQueries = 32;  // of a block

// Pages that each tile of `queries` queries of a causal prompt reads, added up.
size_t CausalPages(size_t prompt, size_t queries) {
  size_t pages = 0;
  for (size_t first = 0; first < prompt; first += queries) {
    pages += Ceil(std::min(first + queries, prompt), kPageSlots);
  }
  return pages;
}

// Slots of these pages: all of the prompt's pages but the last are full.
size_t CausalSlots(size_t prompt, size_t queries) {
  size_t slots = 0;
  for (size_t first = 0; first < prompt; first += queries) {
    slots += std::min(prompt, Ceil(std::min(first + queries, prompt), kPageSlots) * kPageSlots);
  }
  return slots;
}

// `queries`: of a block. `lookups`: of a page's address in each thread.
KernelWork CausalWork(std::string_view kernel, const HeadShape& shape, size_t prompt, size_t queries,
                      size_t lookups) {
  const size_t rows = shape.heads * prompt, slot = SlotBytes(shape.kv, shape.head_dim);
  KernelWork work{kernel};
  work.load_bytes = rows * shape.head_dim * kFloat +
                    shape.kv_heads * (prompt * slot + Ceil(prompt, kPageSlots) * kPageAddressBytes);
  work.requested_bytes =
      rows * shape.head_dim * kFloat +
      shape.heads * (CausalSlots(prompt, queries) * slot +
                     lookups * CausalPages(prompt, queries) * kPrefillThreads * kPageAddressBytes);
  work.store_bytes = rows * (shape.head_dim + 2) * kFloat;
  work.flops = 4.0 * static_cast<double>(shape.heads * shape.head_dim) * static_cast<double>(prompt) *
               (static_cast<double>(prompt) + 1) / 2;
  return work;
}

}  // namespace

KernelWork DecodeAttentionWork(const DecodeAttentionShape& shape) {
  const size_t splits = Ceil(shape.slots, kSplitSlots), tiles = shape.cached_heads * splits;
  const size_t rows = shape.cached_heads * shape.queries;
  const size_t query = shape.head_dim * kFloat, slot = SlotBytes(shape.kv, shape.head_dim);
  KernelWork work{"DecodeAttentionKernel"};
  work.load_bytes =
      shape.cached_heads * (shape.slots * slot + Ceil(shape.slots, kPageSlots) * kPageAddressBytes) +
      tiles * kAttentionTileBytes + rows * (query + kAttentionRowBytes);
  // Each split's block reads the queries again.
  work.requested_bytes =
      shape.cached_heads * (shape.slots * slot + Ceil(shape.slots, kPageSlots) * kPageAddressBytes) +
      tiles * kAttentionTileBytes + rows * splits * (query + kAttentionRowBytes);
  work.store_bytes =
      rows * splits * (2 * kFloat + query) + (shape.keeps_probabilities ? rows * shape.slots * kFloat : 0);
  work.flops = 4.0 * static_cast<double>(rows * shape.slots * shape.head_dim);
  return work;
}

KernelWork CombineWork(const DecodeAttentionShape& shape, size_t out_bytes) {
  constexpr size_t kThreads = 128;
  const size_t rows = shape.cached_heads * shape.queries, splits = Ceil(shape.slots, kSplitSlots);
  KernelWork work{"CombineKernel"};
  work.load_bytes = rows * (kAttentionRowBytes + splits * (3 * kFloat + shape.head_dim * kFloat));
  // Every thread goes over the splits' maxima twice and their sums once, and takes a factor for each element.
  work.requested_bytes =
      rows * (kThreads * (8 + 3 * splits * kFloat) + splits * (kFloat + 2 * shape.head_dim * kFloat));
  work.store_bytes = rows * (splits * kFloat + shape.head_dim * out_bytes);
  work.flops = static_cast<double>(rows * splits) * (6.0 + 2.0 * static_cast<double>(shape.head_dim));
  return work;
}

KernelWork GroupScoresWork(const DecodeAttentionShape& shape, bool accumulates) {
  constexpr size_t kThreads = 256;
  const size_t rows = shape.cached_heads * shape.queries, splits = Ceil(shape.slots, kSplitSlots);
  const size_t sums = shape.cached_heads * shape.slots * kFloat;
  KernelWork work{"GroupScoresKernel"};
  work.load_bytes = shape.cached_heads * kGroupScoreItemBytes + (accumulates ? sums : 0) +
                    rows * (kAttentionRowBytes + splits * kFloat + shape.slots * kFloat);
  // Each thread reads its item and, for each slot, where the row's results begin.
  work.requested_bytes = shape.cached_heads * kThreads * kGroupScoreItemBytes + (accumulates ? sums : 0) +
                         rows * shape.slots * (12 + 2 * kFloat);
  work.store_bytes = (accumulates ? 2 : 1) * sums;
  work.flops = 2.0 * static_cast<double>(rows * shape.slots);
  return work;
}

KernelWork PrefillAttentionWork(const HeadShape& shape, size_t prompt) {
  return CausalWork("PrefillAttentionKernel", shape, prompt, kPrefillQueries, 1);
}

KernelWork TensorPrefillWork(const HeadShape& shape, size_t prompt) {
  constexpr size_t kTensorQueries = 64;
  return CausalWork("TensorPrefillKernel", shape, prompt, kTensorQueries, 2);  // of keys, and of values
}

KernelWork ReceivedAttentionWork(const HeadShape& shape, size_t prompt, size_t first_query) {
  constexpr size_t kLanes = 16;  // that share a query
  const size_t query = shape.head_dim * kFloat, key = SlotBytes(shape.kv, shape.head_dim) / 2;
  const size_t pages = Ceil(prompt, kPageSlots);
  size_t reads = 0, products = 0;  // queries that each page reads; scores
  for (size_t begin = 0; begin < prompt; begin += kPageSlots) {
    for (size_t first = first_query; first < prompt; first += kPrefillQueries) {
      const size_t end = std::min(first + kPrefillQueries, prompt);
      if (end <= begin) continue;
      reads += end - first;
      products += (end - first) * std::min(kPageSlots, prompt - begin);
    }
  }
  KernelWork work{"ReceivedAttentionKernel"};
  work.load_bytes = shape.heads * (prompt - first_query) * (query + 2 * kFloat) +
                    shape.kv_heads * (prompt * key + pages * kPageAddressBytes);
  work.requested_bytes = shape.heads * (reads * (query + kLanes * 2 * kFloat) + prompt * key +
                                        pages * kPrefillThreads * kPageAddressBytes);
  work.store_bytes = shape.heads * prompt * kFloat;
  work.flops = 2.0 * static_cast<double>(shape.heads * shape.head_dim) * static_cast<double>(products);
  return work;
}

}  // namespace kvscope::roofline
