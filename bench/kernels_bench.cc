// The CPU kernels alone. Rates are counters: bytes of weights or cache read, and floating-point operations, a
// second.
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/aligned.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/matmul.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

AlignedVector<float> RandomFloats(size_t n) {
  std::mt19937 random(1);
  AlignedVector<float> values(n);
  for (float& value : values) value = static_cast<float>(random()) * 0x1p-31f - 1.0f;
  return values;
}

// Rate of the machine's memory, for the others to be held against: one thread sums 256 MiB.
void BM_ReadMemory(benchmark::State& state) {
  const AlignedVector<float> data = RandomFloats(64 << 20);
  for (auto _ : state) {
    float sums[64] = {};
    for (size_t i = 0; i < data.size(); i += 64) {
      for (size_t j = 0; j < 64; ++j) sums[j] += data[i + j];
    }
    benchmark::DoNotOptimize(sums);
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * data.size() * sizeof(float)));
}
BENCHMARK(BM_ReadMemory)->Unit(benchmark::kMillisecond);

// SmolLM2-135M's feed-forward matrix: tokens x [1536, 576].
void BM_MatMul(benchmark::State& state) {
  const auto dtype = static_cast<DType>(state.range(0));
  const auto tokens = static_cast<size_t>(state.range(1));
  constexpr size_t kRows = 1536, kColumns = 576;
  std::vector<std::byte> bytes(kRows * RowBytes(dtype, kColumns));
  if (dtype == DType::kF32) {
    const AlignedVector<float> weights = RandomFloats(kRows * kColumns);
    std::memcpy(bytes.data(), weights.data(), bytes.size());
  } else {
    const uint16_t scale = F32ToF16(0.01f);
    for (size_t at = 0; at < bytes.size(); at += BlockBytes(dtype))
      std::memcpy(&bytes[at], &scale, sizeof(scale));
  }
  const AlignedVector<float> x = RandomFloats(tokens * kColumns);
  std::vector<float> y(tokens * kRows);
  ThreadPool pool(1);
  for (auto _ : state) {
    MatMul({dtype, kRows, kColumns, bytes.data()}, x.data(), kColumns, tokens, y.data(), kRows, pool);
    benchmark::DoNotOptimize(y.data());
  }
  state.SetLabel(std::string(Name(dtype)));
  const auto products =
      static_cast<double>(state.iterations()) * static_cast<double>(tokens * kRows * kColumns);
  state.counters["flop/s"] = benchmark::Counter(2 * products, benchmark::Counter::kIsRate);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(BM_MatMul)
    ->ArgNames({"dtype", "tokens"})
    ->ArgsProduct({{static_cast<int>(DType::kF32), static_cast<int>(DType::kQ8_0),
                    static_cast<int>(DType::kQ4_1)},
                   {1, 8, 128}});

// One GQA group's decode attention: 3 queries over `slots` entries of head dimension 64.
void BM_DecodeAttention(benchmark::State& state) {
  const auto type = static_cast<KvType>(state.range(0));
  const auto slots = static_cast<size_t>(state.range(1));
  constexpr size_t kHeadDim = 64, kQueries = 3;
  AlignedVector<std::byte> storage(PaddedSlots(slots) / kPageSlots * PageBytes(type, kHeadDim));
  std::vector<std::byte*> pages;
  for (size_t at = 0; at < storage.size(); at += PageBytes(type, kHeadDim)) pages.push_back(&storage[at]);
  const AlignedVector<float> row = RandomFloats(kHeadDim);
  for (size_t s = 0; s < slots; ++s) {
    StoreSlot(type, pages[s / kPageSlots], s % kPageSlots, kHeadDim, row.data(), row.data());
  }
  const AlignedVector<float> q = RandomFloats(kQueries * kHeadDim);
  AlignedVector<float> probabilities(kQueries * PaddedSlots(slots)), out(kQueries * kHeadDim);
  AttentionArgs args{};
  args.queries = kQueries;
  args.head_dim = kHeadDim;
  args.slots = slots;
  args.scale = 0.125f;
  args.kv_type = type;
  args.pages = pages;
  args.probabilities = probabilities.data();
  for (size_t r = 0; r < kQueries; ++r) {
    args.q[r] = &q[r * kHeadDim];
    args.visible[r] = slots;
    args.out[r] = &out[r * kHeadDim];
  }
  for (auto _ : state) {
    Attention(args);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetLabel(std::string(Name(type)));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * slots * SlotBytes(type, kHeadDim)));
}
BENCHMARK(BM_DecodeAttention)->ArgNames({"kv", "slots"})->ArgsProduct({{0, 1, 2}, {512, 4096}});

}  // namespace
}  // namespace kvscope
