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

KernelWork KeyScoresWork(const HeadShape& shape, size_t items, size_t slots, bool reads_attention) {
  constexpr size_t kScale = sizeof(double);
  const size_t key = SlotBytes(shape.kv, shape.head_dim) / 2, attention = reads_attention ? kFloat : 0;
  const size_t pages = (slots + kPageSlots - 1) / kPageSlots;
  KernelWork work{"KeyScoresKernel"};
  work.load_bytes =
      items * (kKeyScoreItemBytes + pages * kPageAddressBytes + slots * (key + kScale + attention));
  // The sum has a thread for each element, which looks up each key's page and scale.
  work.requested_bytes = items * (kThreads * kKeyScoreItemBytes +
                                  slots * (3 * key + shape.head_dim * (kPageAddressBytes + kScale) +
                                           2 * kPageAddressBytes + kScale + 2 * attention));
  work.store_bytes = items * slots * (kScale + kFloat);
  work.flops = 6.0 * static_cast<double>(items * slots * shape.head_dim);
  return work;
}

KernelWork ShareLayerScoresWork(size_t layers, size_t heads, size_t slots, size_t positions) {
  constexpr size_t kLayerThreads = 512, kHeadBytes = 20, kLayerBytes = 32, kPosition = sizeof(int);
  const size_t entries = heads * slots, sum = kFloat + sizeof(unsigned);
  KernelWork work{"ShareLayerScoresKernel"};
  work.load_bytes =
      layers * (entries * (kFloat + kPosition) + positions * sum + heads * kHeadBytes + kLayerBytes);
  work.requested_bytes = layers * (entries * (kFloat + 2 * kPosition + 2 * sum) +
                                   kLayerThreads * (2 * heads * kHeadBytes + kLayerBytes));
  work.store_bytes = layers * (entries * kFloat + positions * sum);
  work.flops = 2.0 * static_cast<double>(layers * entries);
  return work;
}

KernelWork EditSlotStatesWork(size_t edits) {
  constexpr size_t kStates = 2 * sizeof(int) + kFloat;
  return {"EditSlotStatesKernel", edits * kSlotEditBytes, edits * kSlotEditBytes, edits * kStates, 0};
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
