// The CPU kernels alone. Rates are counters: bytes of weights or cache read, and floating-point operations, a
// second.
#include <benchmark/benchmark.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "bench/read_rate.h"
#include "kernels/aligned.h"
#include "kernels/cpu/cpu_level.h"
#include "kernels/cpu/huge_buffer.h"
#include "kernels/cpu/matmul.h"
#include "kernels/cpu/packed_matmul.h"
#include "kernels/cpu/read_memory.h"
#include "kernels/cpu/reference.h"
#include "kernels/half.h"

namespace kvscope {
namespace {

AlignedVector<float> RandomFloats(size_t n) {
  std::mt19937 random(1);
  AlignedVector<float> values(n);
  for (float& value : values) value = static_cast<float>(random()) * 0x1p-31f - 1.0f;
  return values;
}

void BM_ReadMemory(benchmark::State& state) {
  const HugeBuffer buffer = WrittenBuffer(static_cast<size_t>(state.range(1)) << 20);
  ThreadPool pool(static_cast<int>(state.range(0)));
  for (auto _ : state) ReadMemory(buffer, pool);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * buffer.size()));
}
BENCHMARK(BM_ReadMemory)
    ->ArgNames({"threads", "MiB"})
    ->ArgsProduct({{1, 2}, {32, 512}})
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

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

// A product of the fast path: activations x a packed matrix of `rows` x 576.
void BM_PackedMatMul(benchmark::State& state, Pass pass, size_t rows, CpuLevel level) {
  if (level > DetectedLevel()) {
    state.SkipWithError("this machine lacks the instructions");
    return;
  }
  const ScopedCpuLevel scope(level);
  const auto dtype = static_cast<DType>(state.range(0));
  const auto tokens = static_cast<size_t>(state.range(1));
  const int threads = static_cast<int>(state.range(2));
  constexpr size_t kColumns = 576;
  std::mt19937 random(1);
  const RandomMatrix stored(random, dtype, rows, kColumns);
  PackedMatrix packed = PackedShape(stored.matrix);
  const HugeBuffer buffer(packed.bytes());
  PackPanels(stored.matrix, 0, packed.panels(), buffer.data());
  packed.data = buffer.data();
  ActivationRows x(kColumns);
  x.Resize(tokens, FormsFor(packed, pass));
  for (size_t t = 0; t < tokens; ++t) x.Set(t, RandomFloats(kColumns).data());
  std::vector<float> y(tokens * rows);
  ThreadPool pool(threads);
  for (auto _ : state) PackedMatMul({{{packed, y.data(), rows}}}, x, tokens, pass, pool);
  state.SetLabel(std::string(Name(dtype)));
  const auto iterations = static_cast<double>(state.iterations());
  state.counters["flop/s"] = benchmark::Counter(
      2 * iterations * static_cast<double>(tokens * rows * kColumns), benchmark::Counter::kIsRate);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * packed.bytes()));
  if (pass == Pass::kDecode) {
    state.counters["memory_share"] = benchmark::Counter(
        iterations * static_cast<double>(packed.bytes()) / ReadRate(packed.bytes(), threads),
        benchmark::Counter::kIsRate);
  }
}

void RegisterPacked() {
  const std::vector<int64_t> quantized = {static_cast<int>(DType::kQ4_1), static_cast<int>(DType::kQ8_0)};
  for (const CpuLevel level : {CpuLevel::kAvx2, CpuLevel::kAvx512Vnni, CpuLevel::kAmx}) {
    const auto add = [&](const char* name, Pass pass, size_t rows, const std::vector<int64_t>& tokens) {
      benchmark::RegisterBenchmark(
          (std::string(name) + "/" + std::string(Name(level))).c_str(),
          [=](benchmark::State& state) { BM_PackedMatMul(state, pass, rows, level); })
          ->ArgNames({"dtype", "tokens", "threads"})
          ->ArgsProduct({quantized, tokens, {1, 2}})
          ->Unit(benchmark::kMicrosecond)
          ->UseRealTime();
    };
    // SmolLM2's head, large enough that memory is read, and its queries, keys and values. Decode uses no
    // tiles.
    if (level != CpuLevel::kAmx) add("BM_PackedDecode", Pass::kDecode, 49152, {1, 8});
    add("BM_PackedPrefill", Pass::kPrefill, 960, {512});
  }
}

const bool registered = (RegisterPacked(), true);

}  // namespace
}  // namespace kvscope
