// The formulas of kernel_work.h against the bytes that the emulator counts: kernels read what they must, and
// nothing twice but what the formulas say.
#include "bench/roofline/kernel_work.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "kernels/cpu/reference.h"
#include "kernels/cuda/argmax.h"
#include "kernels/cuda/cache_edits.h"
#include "kernels/cuda/cache_testing.h"
#include "kernels/cuda/decode_attention.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/cuda/elementwise.h"
#include "kernels/cuda/embedding.h"
#include "kernels/cuda/group_scores.h"
#include "kernels/cuda/key_scores.h"
#include "kernels/cuda/layer_scores.h"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/prefill_attention.h"
#include "kernels/cuda/rmsnorm.h"
#include "kernels/cuda/rope_cache.h"
#include "kernels/cuda/select.h"
#include "kernels/cuda/slot_states.h"
#include "kernels/cuda/tensor_matmul.h"
#include "kernels/cuda/tensor_prefill.h"
#include "kernels/simt/counters.h"
#include "nlohmann/json.hpp"

namespace kvscope::roofline {
namespace {

static_assert(kSplitSlots == kvscope::kSplitSlots && kTileQueries == kvscope::kTileQueries);
static_assert(kPageAddressBytes == sizeof(const std::byte*));
static_assert(kAttentionTileBytes == sizeof(AttentionTile) && kAttentionRowBytes == sizeof(AttentionRow));
static_assert(kGroupScoreItemBytes == sizeof(GroupScoreItem) && kSelectItemBytes == sizeof(SelectItem));
static_assert(kKeyScoreItemBytes == sizeof(KeyScoreItem) && kSlotEditBytes == sizeof(SlotEdit));
static_assert(kCacheWriteBytes == sizeof(CacheWrite) &&
              kCacheEditBytes == offsetof(CacheEdit, what) + sizeof(CacheEdit::What));

constexpr double kTolerance = 0.1;

void ExpectNear(const char* what, uint64_t counted, uint64_t formula) {
  EXPECT_LE(std::abs(static_cast<double>(counted) - static_cast<double>(formula)),
            kTolerance * static_cast<double>(formula))
      << what << ": counted " << counted << ", by the formula " << formula;
}

enum class Requested { kAsTheFormula, kAtMost };
enum class Stores { kOnce, kAgain };

// All forms of the kernel since the last call, together.
void ExpectCounted(const KernelWork& work, Requested requested = Requested::kAsTheFormula,
                   Stores stores = Stores::kOnce) {
  SCOPED_TRACE(std::string(work.kernel));
  simt::KernelCounters sum;
  for (const auto& [kernel, counters] : simt::Counters()) {
    if (kernel.substr(0, kernel.find('<')) != work.kernel) continue;
    sum.launches += counters.launches;
    sum.global_load_bytes += counters.global_load_bytes;
    sum.global_store_bytes += counters.global_store_bytes;
    sum.unique_load_bytes += counters.unique_load_bytes;
    sum.unique_store_bytes += counters.unique_store_bytes;
  }
  EXPECT_EQ(sum.launches, 1u);
  ExpectNear("bytes loaded", sum.unique_load_bytes, work.load_bytes);
  ExpectNear("bytes stored", sum.unique_store_bytes, work.store_bytes);
  if (stores == Stores::kOnce) {
    EXPECT_EQ(sum.global_store_bytes, sum.unique_store_bytes) << "stored twice";
  }
  if (requested == Requested::kAsTheFormula) {
    ExpectNear("bytes asked for", sum.global_load_bytes, work.requested_bytes);
  } else {
    EXPECT_LE(sum.global_load_bytes, work.requested_bytes);
  }
}

nlohmann::json ResourcesByKernel() {
  const auto file = nlohmann::json::parse(std::ifstream(KVSCOPE_KERNEL_RESOURCES));
  nlohmann::json by_kernel;
  for (const auto& row : file.at("kernels")) by_kernel[row.at("kernel").get<std::string>()] = row;
  return by_kernel;
}

// The table's occupancy is of launches as they are. It is of a head dimension of 128: so must be what was
// launched.
void ExpectTableKnowsDynamicShared() {
  const nlohmann::json table = ResourcesByKernel();
  for (const auto& [kernel, counters] : simt::Counters()) {
    constexpr std::string_view kScope = "kvscope::DType::";
    std::string name = kernel;
    if (const size_t at = name.find(kScope); at != std::string::npos) name.erase(at, kScope.size());
    ASSERT_TRUE(table.contains(name)) << name;
    EXPECT_EQ(counters.dynamic_shared_bytes, table[name]["dynamic_shared_bytes"].get<uint64_t>()) << name;
  }
}

class KernelWorkTest : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    ASSERT_TRUE(simt::CountsAccesses());
    simt::ResetCounters();
  }

  std::vector<float> Normal(size_t n) { return NormalFloats(random_, n); }

  std::mt19937 random_{31};
};

TEST_F(KernelWorkTest, RowsOfActivations) {
  for (const auto& [rows, columns] : {std::pair<size_t, size_t>{1, 576}, {5, 1536}, {3, 4096}}) {
    SCOPED_TRACE(columns);
    DeviceArray<float> x(Normal(rows * columns)), y(Normal(rows * columns)), weight(Normal(columns)),
        out(rows * columns);
    DeviceArray<int> indices(rows);
    simt::ResetCounters();
    EXPECT_CUDA_OK(
        RmsNormOnDevice<float>({x.data(), weight.data(), out.data(), rows, columns, 1e-5f}, nullptr));
    ExpectCounted(RmsNormWork(rows, columns, kFloat));
    simt::ResetCounters();
    EXPECT_CUDA_OK(SwiGluOnDevice<float>(x.data(), y.data(), rows * columns, nullptr));
    ExpectCounted(SwiGluWork(rows * columns, kFloat));
    simt::ResetCounters();
    EXPECT_CUDA_OK(AddToOnDevice<float>(x.data(), y.data(), rows * columns, nullptr));
    ExpectCounted(AddToWork(rows * columns, kFloat));
    simt::ResetCounters();
    EXPECT_CUDA_OK(ArgMaxFiniteOnDevice(y.data(), rows, columns, indices.data(), nullptr));
    ExpectCounted(ArgMaxWork(rows, columns));
  }
}

TEST_F(KernelWorkTest, ProductsAndEmbeddings) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    for (const auto& [rows, columns, tokens] :
         {std::tuple<size_t, size_t, size_t>{64, 576, 1}, {200, 256, 8}, {48, 320, 30}}) {
      SCOPED_TRACE(std::string(Name(dtype)) + ", tokens " + std::to_string(tokens));
      const RandomMatrix stored(random_, dtype, rows, columns);
      DeviceArray<std::byte> bytes(stored.bytes);
      WeightMatrix w = stored.matrix;
      w.data = bytes.data();
      DeviceArray<float> x(Normal(tokens * columns)), y(tokens * rows), embedded(tokens * columns);
      std::vector<int> ids(tokens);
      for (size_t t = 0; t < tokens; ++t) ids[t] = static_cast<int>(t);  // no row twice
      DeviceArray<int> device_ids(ids);
      simt::ResetCounters();
      EXPECT_CUDA_OK(MatMulOnDevice(w, x.data(), tokens, y.data(), nullptr));
      ExpectCounted(MatMulWork(dtype, rows, columns, tokens));
      EXPECT_CUDA_OK(EmbedOnDevice(w, device_ids.data(), tokens, embedded.data(), nullptr));
      ExpectCounted(EmbedWork(dtype, columns, tokens, kFloat));
    }
  }
}

TEST_F(KernelWorkTest, ProductsOnTensorCores) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    for (const auto& [rows, columns, tokens] :
         {std::tuple<size_t, size_t, size_t>{64, 576, 1}, {160, 256, 8}, {192, 320, 128}}) {
      SCOPED_TRACE(std::string(Name(dtype)) + ", tokens " + std::to_string(tokens));
      const RandomMatrix stored(random_, dtype, rows, columns);
      DeviceArray<std::byte> bytes(stored.bytes);
      WeightMatrix w = stored.matrix;
      w.data = bytes.data();
      DeviceArray<float> x(Normal(tokens * columns)), y(tokens * rows);
      DeviceArray<__nv_bfloat16> rounded(tokens * columns);
      simt::ResetCounters();
      EXPECT_CUDA_OK(RoundOnDevice(x.data(), tokens * columns, rounded.data(), nullptr));
      ExpectCounted(RoundWork(tokens * columns));
      EXPECT_CUDA_OK(TensorMatMulOnDevice(w, rounded.data(), tokens, y.data(), nullptr));
      ExpectCounted(TensorMatMulWork(dtype, rows, columns, tokens));
      ExpectTableKnowsDynamicShared();
    }
  }
}

TEST_F(KernelWorkTest, RopeAndCache) {
  for (const HeadShape& shape :
       {HeadShape{9, 3, 64, KvType::kF16}, {32, 8, 128, KvType::kBF16}, {4, 4, 32, KvType::kF32}}) {
    for (const size_t tokens : {1, 5}) {
      SCOPED_TRACE(tokens);
      const size_t d = shape.head_dim, writes = tokens * shape.kv_heads;
      DeviceArray<float> q(Normal(tokens * shape.heads * d)), k(Normal(writes * d)), v(Normal(writes * d));
      DeviceArray<float> cosine(Normal(tokens * d)), sine(Normal(tokens * d));
      std::vector<int> positions;
      for (size_t t = 0; t < tokens; ++t) positions.push_back(static_cast<int>(t));
      DeviceArray<int> device_positions(positions);
      DeviceArray<std::byte> cache(PageBytes(shape.kv, d) * shape.kv_heads);
      std::vector<CacheWrite> list;
      for (size_t i = 0; i < writes; ++i) {
        std::byte* const page = cache.data() + i % shape.kv_heads * PageBytes(shape.kv, d);
        list.push_back({SlotAddress(page, i / shape.kv_heads, shape.kv, d),
                        static_cast<unsigned>(i / shape.kv_heads),
                        static_cast<unsigned>(i % shape.kv_heads)});
      }
      DeviceArray<CacheWrite> device_list(list);
      simt::ResetCounters();
      EXPECT_CUDA_OK(RopeCacheOnDevice<float>(
          {q.data(), k.data(), v.data(), device_positions.data(), cosine.data(), sine.data(), q.data(),
           device_list.data(), writes, static_cast<unsigned>(tokens), static_cast<unsigned>(shape.heads),
           static_cast<unsigned>(shape.kv_heads), static_cast<unsigned>(d), shape.kv},
          nullptr));
      ExpectCounted(RopeCacheWork(shape, tokens, tokens, writes, kFloat));
    }
  }
}

// Decode attention, what combines it, and the scores that methods select by.
TEST_F(KernelWorkTest, DecodeAttention) {
  for (const DecodeAttentionShape& shape : {DecodeAttentionShape{3, 700, 3, 64, KvType::kF16, false},
                                            {2, 1024, 4, 128, KvType::kBF16, true},
                                            {8, 256, 4, 128, KvType::kBF16, true},
                                            {1, 2100, 8, 64, KvType::kF32, true},
                                            {4, 320, 1, 32, KvType::kF16, true}}) {
    SCOPED_TRACE("slots " + std::to_string(shape.slots) + ", queries " + std::to_string(shape.queries));
    const size_t rows = shape.cached_heads * shape.queries,
                 splits = (shape.slots + kSplitSlots - 1) / kSplitSlots;
    std::deque<DeviceCache> caches;
    std::vector<AttentionRow> row_list;
    std::vector<AttentionTile> tile_list;
    std::vector<GroupScoreItem> items;
    DeviceArray<float> scores(shape.cached_heads * shape.slots);
    for (size_t head = 0; head < shape.cached_heads; ++head) {
      DeviceCache& cache = caches.emplace_back(random_, shape.kv, shape.slots, shape.head_dim);
      const auto first = static_cast<unsigned>(row_list.size());
      for (size_t i = 0; i < shape.queries; ++i) {
        const size_t row = row_list.size();
        row_list.push_back({static_cast<unsigned>(shape.slots), static_cast<unsigned>(row * splits),
                            shape.keeps_probabilities ? row * shape.slots : AttentionRow::kNotKept});
      }
      for (unsigned split = 0; split < splits; ++split) {
        AttentionTile tile{cache.pages() + split * kSplitPages,
                           static_cast<unsigned>(std::min(kSplitSlots, shape.slots - split * kSplitSlots)),
                           split,
                           static_cast<unsigned>(shape.queries),
                           {}};
        for (unsigned i = 0; i < shape.queries; ++i) tile.rows[i] = first + i;
        tile_list.push_back(tile);
      }
      items.push_back({first, static_cast<unsigned>(shape.queries), GroupFold::kMean, nullptr,
                       scores.data() + head * shape.slots});
    }
    DeviceArray<float> q(Normal(rows * shape.head_dim)), maxima(rows * splits), sums(rows * splits),
        factors(rows * splits);
    DeviceArray<float> parts(rows * splits * shape.head_dim), probabilities(rows * shape.slots),
        out(rows * shape.head_dim);
    DeviceArray<AttentionRow> device_rows(row_list);
    DeviceArray<AttentionTile> device_tiles(tile_list);
    DeviceArray<GroupScoreItem> device_items(items);
    simt::ResetCounters();
    EXPECT_CUDA_OK(DecodeAttentionOnDevice<float>(
        {q.data(), device_rows.data(), device_tiles.data(), static_cast<unsigned>(rows),
         static_cast<unsigned>(tile_list.size()), static_cast<unsigned>(shape.queries),
         static_cast<unsigned>(shape.head_dim), shape.kv, 0.1f, maxima.data(), sums.data(), parts.data(),
         factors.data(), probabilities.data(), out.data()},
        nullptr));
    ExpectCounted(DecodeAttentionWork(shape));
    ExpectCounted(CombineWork(shape, kFloat));
    if (shape.head_dim == 128) ExpectTableKnowsDynamicShared();
    if (!shape.keeps_probabilities) continue;
    EXPECT_CUDA_OK(GroupScoresOnDevice(
        {device_rows.data(), probabilities.data(), factors.data(), device_items.data(), items.size()},
        nullptr));
    ExpectCounted(GroupScoresWork(shape, false));
  }
}

TEST_F(KernelWorkTest, PromptAttention) {
  for (const auto& [shape, prompt] : {std::pair<HeadShape, size_t>{{4, 2, 16, KvType::kBF16}, 300},
                                      {{2, 1, 64, KvType::kF16}, 200},
                                      {{3, 3, 32, KvType::kF32}, 256},
                                      {{2, 1, 128, KvType::kBF16}, 130}}) {
    SCOPED_TRACE("prompt " + std::to_string(prompt));
    std::deque<DeviceCache> caches;
    std::vector<const std::byte*> pages;
    for (size_t head = 0; head < shape.kv_heads; ++head) {
      const DeviceCache& cache = caches.emplace_back(random_, shape.kv, prompt, shape.head_dim);
      pages.insert(pages.end(), cache.page_list().begin(), cache.page_list().end());
    }
    DeviceArray<const std::byte*> device_pages(pages);
    DeviceArray<float> q(Normal(prompt * shape.heads * shape.head_dim)),
        out(prompt * shape.heads * shape.head_dim);
    DeviceArray<float> max(shape.heads * prompt), sum(shape.heads * prompt), received(shape.heads * prompt);
    const PrefillAttentionParams params{q.data(),
                                        device_pages.data(),
                                        static_cast<unsigned>(prompt),
                                        static_cast<unsigned>(shape.heads),
                                        static_cast<unsigned>(shape.kv_heads),
                                        static_cast<unsigned>(shape.head_dim),
                                        shape.kv,
                                        0.1f,
                                        0,
                                        max.data(),
                                        sum.data(),
                                        out.data()};
    simt::ResetCounters();
    EXPECT_CUDA_OK(PrefillAttentionOnDevice(params, nullptr));
    ExpectCounted(PrefillAttentionWork(shape, prompt));
    EXPECT_CUDA_OK(TensorPrefillOnDevice(params, nullptr));
    ExpectCounted(TensorPrefillWork(shape, prompt));
    for (const size_t first_query : {size_t{0}, prompt - 8}) {
      SCOPED_TRACE("first query " + std::to_string(first_query));
      simt::ResetCounters();
      EXPECT_CUDA_OK(
          ReceivedAttentionOnDevice(params, static_cast<unsigned>(first_query), received.data(), nullptr));
      ExpectCounted(ReceivedAttentionWork(shape, prompt, first_query));
    }
    if (shape.head_dim == 128) ExpectTableKnowsDynamicShared();
  }
}

TEST_F(KernelWorkTest, Selection) {
  for (const auto& [items, slots, keep] : {std::tuple<size_t, size_t, size_t>{3, 2000, 512}, {8, 900, 899}}) {
    for (const bool has_ranks : {false, true}) {
      SCOPED_TRACE("slots " + std::to_string(slots) + (has_ranks ? ", ranks" : ""));
      DeviceArray<float> scores(Normal(items * slots)), pooled(items * slots);
      std::vector<int> ranks;
      for (size_t i = 0; i < items * slots; ++i) ranks.push_back(static_cast<int>(i % slots));
      DeviceArray<int> device_ranks(ranks), worst(items);
      DeviceArray<unsigned> listed(items * slots), counts(items);
      std::vector<SelectItem> list;
      for (size_t i = 0; i < items; ++i) {
        list.push_back({scores.data() + i * slots, has_ranks ? device_ranks.data() + i * slots : nullptr,
                        static_cast<unsigned>(slots), 0, static_cast<int>(slots), static_cast<unsigned>(keep),
                        false, listed.data() + i * slots, counts.data() + i});
      }
      DeviceArray<SelectItem> device_list(list);
      simt::ResetCounters();
      EXPECT_CUDA_OK(WorstSlotsOnDevice(device_list.data(), items, worst.data(), nullptr));
      ExpectCounted(WorstSlotsWork(items, slots, has_ranks));
      EXPECT_CUDA_OK(SelectOnDevice(device_list.data(), items, nullptr));
      ExpectCounted(SelectWork(items, slots, has_ranks, keep), Requested::kAtMost);
      EXPECT_CUDA_OK(MaxPoolOnDevice(scores.data(), items, slots, 7, pooled.data(), nullptr));
      ExpectCounted(MaxPoolWork(items, slots, 7));
    }
  }
}

TEST_F(KernelWorkTest, ScoresFromKeys) {
  for (const auto& [shape, slots] :
       {std::pair<HeadShape, size_t>{{1, 1, 64, KvType::kF16}, 900}, {{1, 1, 128, KvType::kF32}, 512}}) {
    for (const KeyScore what : {KeyScore::kDistinctness, KeyScore::kNovelty}) {
      constexpr size_t kItems = 2;
      std::deque<DeviceCache> caches;
      DeviceArray<float> scores(Normal(kItems * slots));
      DeviceArray<double> scales(kItems * slots);
      std::vector<KeyScoreItem> list;
      for (size_t i = 0; i < kItems; ++i) {
        DeviceCache& cache = caches.emplace_back(random_, shape.kv, slots, shape.head_dim);
        list.push_back({cache.pages(), static_cast<unsigned>(slots), what, 0.5f, scores.data() + i * slots,
                        scales.data() + i * slots});
      }
      DeviceArray<KeyScoreItem> device_list(list);
      simt::ResetCounters();
      EXPECT_CUDA_OK(KeyScoresOnDevice(device_list.data(), kItems, static_cast<unsigned>(shape.head_dim),
                                       shape.kv, nullptr));
      ExpectCounted(KeyScoresWork(shape, kItems, slots, what == KeyScore::kNovelty));
    }
  }
}

TEST_F(KernelWorkTest, ScoresOfALayer) {
  constexpr size_t kHeads = 8, kSlots = 1500;
  DeviceArray<float> scores(Normal(kHeads * kSlots)), sums(kSlots);
  DeviceArray<unsigned> holders(kSlots);
  std::vector<int> positions;
  for (size_t i = 0; i < kHeads * kSlots; ++i) positions.push_back(static_cast<int>(i % kSlots));
  DeviceArray<int> device_positions(positions);
  std::vector<LayerScoreHead> heads;
  for (size_t h = 0; h < kHeads; ++h) {
    heads.push_back({scores.data() + h * kSlots, device_positions.data() + h * kSlots, kSlots});
  }
  DeviceArray<LayerScoreHead> device_heads(heads);
  DeviceArray<LayerScoreItem> items(
      std::vector<LayerScoreItem>{{device_heads.data(), kHeads, kSlots, sums.data(), holders.data()}});
  simt::ResetCounters();
  EXPECT_CUDA_OK(ShareLayerScoresOnDevice(items.data(), 1, nullptr));
  ExpectCounted(ShareLayerScoresWork(1, kHeads, kSlots, kSlots), Requested::kAsTheFormula, Stores::kAgain);
}

TEST_F(KernelWorkTest, StatesOfSlots) {
  constexpr size_t kEdits = 200;
  DeviceArray<int> ranks(kEdits), positions(kEdits);
  DeviceArray<float> accumulated(kEdits);
  std::vector<SlotEdit> edits;
  for (unsigned i = 0; i < kEdits; ++i) {
    edits.push_back({{ranks.data(), positions.data(), accumulated.data()}, i, SlotEdit::kNew, 1, 2});
  }
  DeviceArray<SlotEdit> device_edits(edits);
  simt::ResetCounters();
  EXPECT_CUDA_OK(EditSlotStatesOnDevice(device_edits.data(), kEdits, nullptr));
  ExpectCounted(EditSlotStatesWork(kEdits));
}

// No kernel was forgotten: what the tests above have formulas for is what the table of resources has.
TEST(KernelWorkListTest, EveryKernelHasAFormula) {
  std::set<std::string> kernels;
  const nlohmann::json table = ResourcesByKernel();
  for (const auto& [name, row] : table.items()) kernels.insert(name.substr(0, name.find('<')));
  std::set<std::string> with_formula;
  const HeadShape shape{2, 1, 64, KvType::kF16};
  const DecodeAttentionShape attention{1, 1, 1, 64, KvType::kF16, true};
  for (const KernelWork& work : {EmbedWork(DType::kF32, 8, 1, 4),
                                 RmsNormWork(1, 8, 4),
                                 AddToWork(8, 4),
                                 ArgMaxWork(1, 8),
                                 MatMulWork(DType::kF32, 8, 8, 1),
                                 TensorMatMulWork(DType::kF32, 8, 8, 1),
                                 RoundWork(8),
                                 RopeCacheWork(shape, 1, 1, 1, 4),
                                 DecodeAttentionWork(attention),
                                 CombineWork(attention, 4),
                                 GroupScoresWork(attention, false),
                                 PrefillAttentionWork(shape, 1),
                                 TensorPrefillWork(shape, 1),
                                 ReceivedAttentionWork(shape, 1, 0),
                                 WorstSlotsWork(1, 1, true),
                                 SelectWork(1, 1, true, 1),
                                 KeyScoresWork(shape, 1, 1, true),
                                 ShareLayerScoresWork(1, 1, 1, 1),
                                 EditSlotStatesWork(1),
                                 MaxPoolWork(1, 1, 1),
                                 EditCachesWork(shape, 1)}) {
    with_formula.insert(std::string(work.kernel));
  }
  EXPECT_EQ(with_formula, kernels);
}

TEST_F(KernelWorkTest, MovedSlots) {
  for (const HeadShape& shape : {HeadShape{1, 1, 64, KvType::kF16}, {1, 1, 128, KvType::kF32}}) {
    const size_t d = shape.head_dim, edits = 40;
    DeviceArray<std::byte> pages(2 * PageBytes(shape.kv, d));
    std::vector<CacheEdit> list;
    for (size_t i = 0; i < edits; ++i) {
      list.push_back({SlotAddress(pages.data() + PageBytes(shape.kv, d), i, shape.kv, d),
                      SlotAddress(pages.data(), i, shape.kv, d), CacheEdit::What::kSlot});
    }
    DeviceArray<CacheEdit> device_list(list);
    DeviceArray<unsigned> begins(std::vector<unsigned>{0, edits / 2, edits});
    simt::ResetCounters();
    EXPECT_CUDA_OK(EditCachesOnDevice(
        {device_list.data(), begins.data(), 2, static_cast<unsigned>(d), shape.kv}, nullptr));
    ExpectCounted(EditCachesWork(shape, edits));
  }
}

}  // namespace
}  // namespace kvscope::roofline
