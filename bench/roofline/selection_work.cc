#include "bench/roofline/kernel_work.h"

namespace kvscope::roofline {
namespace {

constexpr size_t kThreads = 256;

size_t EntryBytes(bool has_ranks) { return kFloat + (has_ranks ? sizeof(int) : 0); }

}  // namespace

KernelWork WorstSlotsWork(size_t items, size_t slots, bool has_ranks) {
  const size_t entries = items * slots * EntryBytes(has_ranks);
  constexpr size_t kUsedItemBytes = 28;  // scores, ranks and what bounds the candidates
  return {"WorstSlotsKernel", entries + items * kUsedItemBytes, entries + items * kThreads * kUsedItemBytes,
          items * sizeof(int), static_cast<double>(items * slots)};
}

KernelWork SelectWork(size_t items, size_t slots, bool has_ranks, size_t listed) {
  constexpr size_t kPasses = 2 + 8;  // counting and listing, and one for each digit of a key
  const size_t entries = items * slots * EntryBytes(has_ranks);
  return {"SelectKernel", entries + items * kSelectItemBytes,
          kPasses * entries + items * kThreads * kSelectItemBytes, items * (listed + 1) * sizeof(unsigned),
          static_cast<double>(kPasses * items * slots)};
}

KernelWork MaxPoolWork(size_t rows, size_t columns, size_t kernel) {
  const size_t n = rows * columns;
  // Windows end at the row's: of the first and last elements they are shorter.
  const size_t reach = kernel / 2, cut = columns > kernel ? rows * reach * (reach + 1) : 0;
  return {"MaxPoolKernel", n * kFloat, (n * kernel - cut) * kFloat, n * kFloat,
          static_cast<double>(n * kernel)};
}

KernelWork EditCachesWork(const HeadShape& shape, size_t edits) {
  constexpr size_t kEditThreads = 128;
  const size_t moved = edits * SlotBytes(shape.kv, shape.head_dim);
  return {"EditCachesKernel", moved + edits * kCacheEditBytes, moved + edits * kEditThreads * kCacheEditBytes,
          moved, 0};
}

}  // namespace kvscope::roofline
