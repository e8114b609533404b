// Known answers of the bounds, worked out by hand.
#include "bench/roofline/bound.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace kvscope::roofline {
namespace {

Gpu GpuNamed(const std::string& name) {
  for (Gpu& gpu : Gpus()) {
    if (gpu.name == name) return gpu;
  }
  ADD_FAILURE() << name;
  return {};
}

Method MethodNamed(const char* name, const Budgets& budgets = {}) {
  absl::StatusOr<Method> method = MakeMethod(name, Semantics::kClean, budgets);
  EXPECT_TRUE(method.ok()) << method.status();
  return *method;
}

Pass Llama() { return {*FindModelShape("llama-3.1-8b-instruct"), KvType::kBF16, Precision::kBF16}; }

TEST(HardwareTest, EveryFigureHasASourceAndIsOfItsKind) {
  const std::vector<Gpu> gpus = Gpus();
  EXPECT_THAT(gpus, testing::SizeIs(4));
  for (const Gpu& gpu : gpus) {
    SCOPED_TRACE(gpu.name);
    EXPECT_THAT(gpu.sources, testing::Not(testing::IsEmpty()));
    EXPECT_GT(gpu.memory_bytes, 40e9);
    EXPECT_GT(gpu.memory_bytes_per_s, 1e12);
    EXPECT_GT(gpu.bf16_flops_per_s, 4 * gpu.f32_flops_per_s);  // dense tensor cores against the other ones
    EXPECT_LT(gpu.bf16_flops_per_s, 40 * gpu.f32_flops_per_s);
  }
}

TEST(ModelShapeTest, CountsTheParametersOfKnownModels) {
  const ModelShape llama = *FindModelShape("llama-3.1-8b-instruct");
  // 8,030,261,248 in all by the model card: with the embedding and 65 norms.
  EXPECT_EQ(llama.MultipliedParameters() + 128256ull * 4096 + 65 * 4096, 8'030'261'248ull);
  EXPECT_EQ(llama.StoredBytes(), 2 * (8'030'261'248ull - 65 * 4096) + 4 * 65 * 4096);
  const ModelShape smol = *FindModelShape("smollm2-135m");
  EXPECT_EQ(smol.MultipliedParameters() + 61 * 576, 134'515'008ull);
  EXPECT_FALSE(FindModelShape("gpt-5").ok());
  EXPECT_FALSE(ParseDType("int3").ok());
}

TEST(CacheLengthsTest, FullCachesGrowAndWindowsStop) {
  // 100 of a prompt, then 1, 2, 3, ... more.
  const auto full = PlayMethod(MethodNamed("full"), 2, 100, 9);
  ASSERT_TRUE(full.ok());
  EXPECT_DOUBLE_EQ(full->mean_attended, 105);
  EXPECT_EQ(full->peak_entries, 2u * 109);
  const auto slide =
      PlayMethod(MethodNamed("full+slide", {.window = 64, .recent = 32, .max_new = 4000}), 2, 100, 4000);
  ASSERT_TRUE(slide.ok());
  EXPECT_LE(slide->peak_entries, 2u * (100 + 64 + 1));
  EXPECT_LT(slide->mean_attended, 165);
  EXPECT_FALSE(PlayMethod(MethodNamed("full"), 2, 0, 9).ok());
}

TEST(BoundTest, DecodingWaitsForWeightsAndCache) {
  const Pass pass = Llama();
  const Method full = MethodNamed("full");
  const LeastWork work = LeastDecodeWork(pass, full, 1, 4096);
  // 32 layers, 8 heads, 128 numbers of two bytes, keys and values.
  EXPECT_EQ(work.bytes, pass.model.PassBytes() + 4096ull * 32 * 8 * 128 * 2 * 2);
  const Gpu h100 = GpuNamed("h100");
  EXPECT_DOUBLE_EQ(BoundSeconds(work, h100, Precision::kBF16), static_cast<double>(work.bytes) / 3.35e12);
  // A batch of 4,096 without a cache is arithmetic: 2 operations for each weight and row.
  const LeastWork wide = LeastDecodeWork(pass, full, 4096, 0);
  EXPECT_DOUBLE_EQ(BoundSeconds(wide, h100, Precision::kBF16),
                   2.0 * static_cast<double>(pass.model.MultipliedParameters()) * 4096 / 989.5e12);
}

TEST(BoundTest, LargestBatchIsWhatTheWeightsLeave) {
  const Pass pass = Llama();
  const Method full = MethodNamed("full");
  const auto lengths = PlayMethod(full, pass.model.layers, 4096, 4096);
  ASSERT_TRUE(lengths.ok());
  const uint64_t cache = CacheBytes(pass, full, *lengths);
  EXPECT_EQ(cache, 8192ull * 32 * 8 * 128 * 2 * 2);
  EXPECT_EQ(LargestBatch(pass, cache, GpuNamed("a100")),
            (80'000'000'000ull - pass.model.StoredBytes()) / cache);
  Pass large = pass;
  large.model.weights = DType::kF32;
  large.model.layers *= 4;
  EXPECT_EQ(LargestBatch(large, cache, GpuNamed("a100")), 0u);
}

// What the kernels do contains what must be done: the bound is one.
TEST(BoundTest, KernelsTakeAtLeastTheBound) {
  for (const char* name : {"full", "full+slide", "snapkv+slide", "h2o+h2o"}) {
    SCOPED_TRACE(name);
    const Precision precision = *name == 'f' ? Precision::kF32 : Precision::kBF16;
    const Pass pass{*FindModelShape("smollm2-135m"), KvType::kF16, precision};
    const Method method = MethodNamed(name, {.prefill = 512, .window = 512, .recent = 256});
    for (const Gpu& gpu : Gpus()) {
      for (const size_t batch : {1, 16}) {
        EXPECT_GE(KernelSeconds(DecodeStepWork(pass, method, batch, 1024), gpu, pass.precision),
                  BoundSeconds(LeastDecodeWork(pass, method, batch, 1024), gpu, pass.precision));
      }
      EXPECT_GE(KernelSeconds(PrefillWork(pass, method, 3000), gpu, pass.precision),
                BoundSeconds(LeastPrefillWork(pass, 3000), gpu, pass.precision));
    }
  }
}

// Of a decode step without a method's scores, all but a few per cent of the kernels' bytes are weights and
// cache.
TEST(BoundTest, KernelsReadLittleElse) {
  const Pass pass{*FindModelShape("llama-3.1-8b-instruct"), KvType::kBF16, Precision::kF32};
  const Method method = MethodNamed("full");
  uint64_t bytes = 0;
  for (const Launches& l : DecodeStepWork(pass, method, 8, 4096)) bytes += l.count * l.work.memory_bytes();
  const uint64_t least = LeastDecodeWork(pass, method, 8, 4096).bytes;
  EXPECT_GE(bytes, least);
  EXPECT_LE(static_cast<double>(bytes), 1.1 * static_cast<double>(least));
}

}  // namespace
}  // namespace kvscope::roofline
