// Attention kernels alone, of groups of 3 query heads of head dimension 64, as SmolLM2-135M has them.
// Counters: bytes of cache read and floating-point operations, a second; of decode also the share of what
// reading as much memory and nothing else reaches.
#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "bench/read_rate.h"
#include "kernels/aligned.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/fast_decode.h"
#include "kernels/cpu/fast_prefill.h"
#include "kernels/cpu/huge_buffer.h"
#include "kernels/cpu/reference.h"

namespace kvscope {
namespace {

constexpr size_t kHeadDim = 64, kQueries = 3;
const float kScale = 1 / std::sqrt(static_cast<float>(kHeadDim));

// Pages of equal rows, one after another.
class Cache {
 public:
  Cache(KvType type, size_t slots)
      : type_(type), slots_(slots), buffer_(PaddedSlots(slots) / kPageSlots * PageBytes(type, kHeadDim)) {
    std::mt19937 random(1);
    const AlignedVector<float> row = RandomFloats(random, kHeadDim);
    for (size_t s = 0; s < slots; ++s) {
      if (s % kPageSlots == 0) pages_.push_back(buffer_.data() + pages_.size() * PageBytes(type, kHeadDim));
      StoreSlot(type, pages_.back(), s % kPageSlots, kHeadDim, row.data(), row.data());
    }
  }

  KvType type() const { return type_; }
  size_t slots() const { return slots_; }
  std::span<std::byte* const> pages() const { return pages_; }
  size_t bytes() const { return slots_ * SlotBytes(type_, kHeadDim); }

 private:
  KvType type_;
  size_t slots_;
  HugeBuffer buffer_;
  std::vector<std::byte*> pages_;
};

// In float32, with probabilities.
void BM_DecodeExact(benchmark::State& state) {
  const Cache cache(static_cast<KvType>(state.range(0)), static_cast<size_t>(state.range(1)));
  std::mt19937 random(2);
  const AlignedVector<float> q = RandomFloats(random, kQueries * kHeadDim);
  AlignedVector<float> probabilities(kQueries * PaddedSlots(cache.slots())), out(kQueries * kHeadDim);
  AttentionArgs args{};
  args.queries = kQueries;
  args.head_dim = kHeadDim;
  args.slots = cache.slots();
  args.scale = kScale;
  args.kv_type = cache.type();
  args.pages = cache.pages();
  args.probabilities = probabilities.data();
  for (size_t r = 0; r < kQueries; ++r) {
    args.q[r] = &q[r * kHeadDim];
    args.visible[r] = cache.slots();
    args.out[r] = &out[r * kHeadDim];
  }
  for (auto _ : state) {
    Attention(args);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetLabel(std::string(Name(cache.type())));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * cache.bytes()));
}
BENCHMARK(BM_DecodeExact)->ArgNames({"kv", "slots"})->ArgsProduct({{0, 1, 2}, {512, 4096}});

// On the fast path: a slice of a cache that fits into the second-level cache, and one as large as that of 8
// sequences.
void BM_DecodeFast(benchmark::State& state) {
  const Cache cache(static_cast<KvType>(state.range(0)), static_cast<size_t>(state.range(1)));
  const auto threads = static_cast<int>(state.range(2));
  std::mt19937 random(2);
  const AlignedVector<float> q = RandomFloats(random, kQueries * kHeadDim);
  AlignedVector<float> parts(Chunks(cache.slots()) * q.size());
  std::vector<SoftmaxSums> sums(Chunks(cache.slots()));
  DecodeTile tile;
  tile.queries = kQueries;
  tile.head_dim = kHeadDim;
  for (size_t r = 0; r < kQueries; ++r) tile.q[r] = &q[r * kHeadDim];
  tile.scale = kScale;
  tile.kv_type = cache.type();
  tile.pages = cache.pages();
  tile.slots = cache.slots();
  tile.parts = parts.data();
  tile.sums = sums.data();
  ThreadPool pool(threads);
  for (auto _ : state) {
    pool.ParallelRanges(sums.size(), [&](size_t first, size_t end, int) {
      for (size_t chunk = first; chunk < end; ++chunk) AttendChunk(tile, chunk);
    });
  }
  state.SetLabel(std::string(Name(cache.type())));
  const auto bytes = static_cast<double>(state.iterations() * cache.bytes());
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["memory_share"] =
      benchmark::Counter(bytes / ReadRate(cache.bytes(), threads), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_DecodeFast)
    ->ArgNames({"kv", "slots", "threads"})
    ->ArgsProduct({{static_cast<int>(KvType::kF16), static_cast<int>(KvType::kBF16),
                    static_cast<int>(KvType::kInt8)},
                   {4096, 1 << 20},
                   {1, 2}})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

// One head's share of a prompt: its last block of queries, which sees all of it.
void BM_PrefillFast(benchmark::State& state) {
  const Cache cache(KvType::kBF16, static_cast<size_t>(state.range(0)));
  std::mt19937 random(2);
  const AlignedVector<float> q = RandomFloats(random, kBlockQueries * kQueries * kHeadDim);
  AlignedVector<float> out(q.size());
  const std::vector<const std::byte*> pages(cache.pages().begin(), cache.pages().end());
  const PrefillBlock block{.first = cache.slots() - kBlockQueries,
                           .queries = kBlockQueries,
                           .q = q.data(),
                           .q_stride = kQueries * kHeadDim,
                           .pages = pages,
                           .prompt = cache.slots(),
                           .out = out.data(),
                           .out_stride = kQueries * kHeadDim};
  PrefillAttention attention(kQueries, kHeadDim);
  for (auto _ : state) attention.Attend(block);
  const double products = 2.0 * kBlockQueries * kQueries * static_cast<double>(cache.slots()) * kHeadDim;
  state.counters["flop/s"] =
      benchmark::Counter(2 * products * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(BM_PrefillFast)->ArgName("prompt")->Arg(512)->Arg(4096)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kvscope
