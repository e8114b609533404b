// The device backend: some methods in every order of threads, types of cache, memory, refusals.
// every_method_test.cc has all methods.
#include "runtime/cuda/cuda_backend.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include "kernels/cuda/dense_matmul.h"
#include "kernels/cuda/device_testing.h"
#include "kernels/half.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/cuda/backend_testing.h"
#include "runtime/engine/test_model.h"
#include "runtime/engine/test_requests.h"
#if defined(KVSCOPE_DEVICE_EMULATED)
#include "kernels/simt/stream.h"
#endif

namespace kvscope {
namespace {

constexpr Budgets kBudgets{.prefill = 40, .observation = 4, .window = 8, .recent = 4, .max_new = 24};

class CudaBackendTest : public DeviceTest {
 protected:
  static std::unique_ptr<Backend> OnDevice(const std::shared_ptr<const Model>& model,
                                           KvType type = KvType::kF32, size_t cache_bytes = 0,
                                           Precision precision = Precision::kF32) {
    auto backend = MakeCudaBackend(model, precision, type, cache_bytes);
    EXPECT_TRUE(backend.ok()) << backend.status();
    return *std::move(backend);
  }
  static std::unique_ptr<Backend> OnCpu(const std::shared_ptr<const Model>& model,
                                        KvType type = KvType::kF32) {
    return *MakeCpuBackend(model, Precision::kF32, type, 1);
  }

  const std::shared_ptr<const Model> model_ = MakeTestModel(5, {.layers = 1});
  const std::vector<int> prompt_ = TestPrompt(66, 7);  // two pages
};

// Rows that share pages and rows that copy them, heads that drop several entries at a time, caches of query
// heads.
TEST_F(CudaBackendTest, RowsOfDifferentMethodsDoAsOnTheCpu) {
  const std::vector<Method> methods = {TestMethod("full", Semantics::kClean, kBudgets),
                                       TestMethod("full+h2o", Semantics::kClean, kBudgets),
                                       TestMethod("snapkv+discontinuous", Semantics::kClean, kBudgets),
                                       TestMethod("h2o+slide", Semantics::kPublished, kBudgets)};
  const auto cpu = OnCpu(model_);
  Generation expected(*cpu, *model_, methods, prompt_);
  for (int step = 0; step < 10; ++step) expected.Step();
  ForEachOrder([&] {
    const auto device = OnDevice(model_);
    Generation found(*device, *model_, methods, prompt_);
    for (int step = 0; step < 10; ++step) found.Step();
    ExpectSame(found, expected, methods, model_->config);
    EXPECT_EQ(device->cache_bytes_peak(), cpu->cache_bytes_peak());
    EXPECT_GT(device->scratch_bytes(), 0u);
  });
}

// Two rows of five in a batch filled up to eight slots, and each alone.
TEST_F(CudaBackendTest, HowFullABatchIsDoesNotMatter) {
  const std::vector<Method> methods = {TestMethod("snapkv+slide", Semantics::kClean, kBudgets),
                                       TestMethod("full+h2o", Semantics::kClean, kBudgets),
                                       TestMethod("full", Semantics::kClean, kBudgets),
                                       TestMethod("snapkv+slide", Semantics::kPublished, kBudgets),
                                       TestMethod("full+rkv", Semantics::kClean, kBudgets)};
  const auto device = OnDevice(model_);
  Generation together(*device, *model_, methods, prompt_);
  for (int step = 0; step < 6; ++step) together.Step();
  for (size_t i = 0; i < methods.size(); ++i) {
    SCOPED_TRACE(methods[i].Name());
    Generation alone(*device, *model_, {methods[i]}, prompt_);
    for (int step = 0; step < 6; ++step) alone.Step();
    EXPECT_EQ(alone.logits(0), together.logits(i));  // to the bit
    EXPECT_EQ(alone.tokens()[0], together.tokens()[i]);
    EXPECT_EQ(alone.row(0).Rows(0, 0), together.row(i).Rows(0, 0));
  }
}

#if defined(KVSCOPE_DEVICE_EMULATED)
// One for the logits and what was selected. Once arrays have grown to a batch's size they do not move.
TEST_F(CudaBackendTest, AStepWaitsForTheDeviceOnce) {
  std::vector<Method> methods;
  for (const char* name : {"full+h2o", "snapkv+slide", "full+rkv", "full+keydiff", "full+tova",
                           "snapkv+discontinuous", "full+slm", "full+random", "full"}) {
    methods.push_back(TestMethod(name, Semantics::kClean, kBudgets));
  }
  methods.push_back(TestMethod("h2o+slide", Semantics::kPublished, kBudgets));
  const auto device = OnDevice(model_);
  Generation generation(*device, *model_, methods, prompt_);
  int steps_of_one_wait = 0;
  for (int step = 0; step < 16; ++step) {
    const uint64_t before = simt::HostWaits();
    generation.Step();
    if (simt::HostWaits() - before == 1) ++steps_of_one_wait;
  }
  EXPECT_GE(steps_of_one_wait, 10);
}

// Wherever in a step the device's memory was out: other sequences go on when there is some again.
TEST_F(CudaBackendTest, AStepThatFoundNoMemoryHarmsNoLaterOne) {
  const std::vector<Method> methods = {TestMethod("full+h2o", Semantics::kClean, kBudgets),
                                       TestMethod("full+rkv", Semantics::kClean, kBudgets)};
  const auto cpu = OnCpu(model_);
  Generation expected(*cpu, *model_, methods, prompt_);
  for (int step = 0; step < 4; ++step) expected.Step();
  const simt::Options before = simt::CurrentOptions();
  int failures = 0;
  for (size_t more = 0; more < 15'000; more += 1'500) {
    const auto device = OnDevice(model_);
    {
      Generation failing(*device, *model_, methods, prompt_);
      size_t free_bytes = 0, total = 0;
      EXPECT_CUDA_OK(cudaMemGetInfo(&free_bytes, &total));
      simt::CurrentOptions().device_bytes = total - free_bytes + more;
      try {
        absl::Status status;
        for (int step = 0; step < 4 && status.ok(); ++step) status = failing.TryStep();
        if (!status.ok()) ++failures;
      } catch (const std::bad_alloc&) {
        ++failures;
      }
      simt::CurrentOptions() = before;
    }
    Generation found(*device, *model_, methods, prompt_);
    for (int step = 0; step < 4; ++step) found.Step();
    ExpectSame(found, expected, methods, model_->config);
  }
  EXPECT_GE(failures, 5);
}

TEST_F(CudaBackendTest, AGraphServesAllStepsOfItsNumberOfSlots) {
  const std::vector<Method> methods(3, TestMethod("full+h2o", Semantics::kClean, kBudgets));
  const auto device = OnDevice(model_);
  const auto graphs_of = [](Generation& generation, int steps) {
    const uint64_t before = simt::GraphsInstantiated();
    for (int step = 0; step < steps; ++step) generation.Step();
    return simt::GraphsInstantiated() - before;
  };
  Generation three(*device, *model_, methods, prompt_);
  EXPECT_LE(graphs_of(three, 10), 3u);  // arrays grow when the first entries are evicted
  EXPECT_EQ(graphs_of(three, 10), 0u);
  Generation two(*device, *model_, {methods[0], methods[1]}, prompt_);
  EXPECT_EQ(graphs_of(two, 10), 1u);
  Generation four(*device, *model_, {4, methods[0]}, prompt_);
  EXPECT_LE(graphs_of(four, 10), 3u);
  EXPECT_EQ(graphs_of(three, 2), 0u) << "filled up to the same slots";
}

TEST_F(CudaBackendTest, WaitsForTheDeviceWhereItMust) {
  const std::vector<Method> methods = {TestMethod("snapkv+slide", Semantics::kClean, kBudgets),
                                       TestMethod("full+h2o", Semantics::kClean, kBudgets),
                                       TestMethod("h2o+slide", Semantics::kPublished, kBudgets)};
  const auto cpu = OnCpu(model_);
  Generation expected(*cpu, *model_, methods, prompt_);
  for (int step = 0; step < 10; ++step) expected.Step();
  const simt::Options before = simt::CurrentOptions();
  simt::CurrentOptions().deferred_streams = true;
  for (simt::CurrentOptions().seed = 1; simt::CurrentOptions().seed <= 5; ++simt::CurrentOptions().seed) {
    const auto device = OnDevice(model_);
    Generation found(*device, *model_, methods, prompt_);
    for (int step = 0; step < 10; ++step) found.Step();
    ExpectSame(found, expected, methods, model_->config);
  }
  simt::CurrentOptions() = before;
}
#endif

TEST_F(CudaBackendTest, NarrowCachesStayNearTheExactOne) {
  const std::vector<Method> methods = {TestMethod("full", Semantics::kClean, kBudgets)};
  std::vector<float> exact(model_->config.vocab), logits(exact.size());
  const PrefillRequest request{.prompt = prompt_, .rows = {{methods.front()}}};
  ASSERT_TRUE(OnDevice(model_)->Prefill(request, exact).ok());
  for (const auto& [type, tolerance] : {std::pair(KvType::kF16, 0.01f), std::pair(KvType::kBF16, 0.08f)}) {
    const auto device = OnDevice(model_, type);
    ASSERT_TRUE(device->Prefill(request, logits).ok());
    for (size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(logits[i], exact[i], tolerance) << Name(type);
    EXPECT_EQ(device->cache_bytes_peak(),
              2 * model_->config.kv_heads * PageBytes(type, model_->config.head_dim));
  }
}

// As near as the CPU's fast path has to be (engine_test.cc): its roundings are others, of the same size.
TEST_F(CudaBackendTest, TensorCoresStayNearTheCpusFastPathAndTheExactOne) {
  const std::shared_ptr<const Model> model = MakeTestModel(5, {.layers = 2});
  const std::vector<Method> methods = {TestMethod("full", Semantics::kClean, kBudgets)};
  const PrefillRequest request{.prompt = prompt_, .rows = {{methods.front()}}};
  const auto logits_after_a_step = [&](Backend& backend) {
    std::vector<float> logits(model->config.vocab);
    auto prefilled = backend.Prefill(request, logits);
    EXPECT_TRUE(prefilled.ok()) << prefilled.status();
    BackendSequence* const sequence = prefilled->front()->get();
    EXPECT_TRUE(backend.Decode({&sequence, 1}, std::vector<int>{3}, logits).ok());
    return logits;
  };
  for (const KvType type : {KvType::kF32, KvType::kBF16}) {
    SCOPED_TRACE(std::string(Name(type)));
    const auto device = OnDevice(model, type, 0, Precision::kBF16);
    const std::vector<float> found = logits_after_a_step(*device);
    const std::vector<float> exact = logits_after_a_step(*OnCpu(model));
    const std::vector<float> fast =
        logits_after_a_step(**MakeCpuBackend(model, Precision::kBF16, KvType::kBF16, 1));
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_NEAR(found[i], exact[i], 0.15);
      EXPECT_NEAR(found[i], fast[i], 0.15);
    }
  }
}

// The model with the matrices that it multiplies by in bfloat16, as most are published: prompts of 64 tokens
// and more go to NVIDIA's library.
std::shared_ptr<const Model> StoredInBF16(const Model& from) {
  auto model = std::make_shared<Model>(from);
  const auto store = [&](WeightMatrix& w) {
    const size_t n = w.rows * w.columns;
    auto stored = std::make_shared<std::vector<uint16_t>>(n);
    for (size_t i = 0; i < n; ++i) (*stored)[i] = F32ToBF16(reinterpret_cast<const float*>(w.data)[i]);
    w.dtype = DType::kBF16;
    w.data = reinterpret_cast<const std::byte*>(stored->data());
    model->owners.push_back(std::move(stored));
  };
  store(model->head);
  for (LayerWeights& layer : model->layers) {
    for (WeightMatrix* w : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
      store(*w);
  }
  return model;
}

TEST_F(CudaBackendTest, TheLibrarysProductsStayNearTensorCoresOwn) {
  const std::shared_ptr<const Model> stored = StoredInBF16(*model_);
  const std::vector<Method> methods = {TestMethod("full", Semantics::kClean, kBudgets)};
  const PrefillRequest request{.prompt = prompt_, .rows = {{methods.front()}}};
  std::vector<float> own(model_->config.vocab), library(own.size());
  // The same values, once as floats, which the library is not given.
  ASSERT_TRUE(OnDevice(model_, KvType::kF32, 0, Precision::kBF16)->Prefill(request, own).ok());
  const auto with_library = OnDevice(stored, KvType::kF32, 0, Precision::kBF16);
  ASSERT_TRUE(with_library->Prefill(request, library).ok());
  EXPECT_GT(with_library->scratch_bytes(), DenseMatMul::kWorkspaceBytes);
  for (size_t i = 0; i < own.size(); ++i) EXPECT_NEAR(library[i], own[i], 1e-3);
}

// Also with tensor cores: a row's tokens are its own, in any order of threads.
TEST_F(CudaBackendTest, TensorCoresMakeTheSameTokensAloneAndTogether) {
  const std::vector<Method> methods = {TestMethod("full", Semantics::kClean, kBudgets),
                                       TestMethod("snapkv+slide", Semantics::kClean, kBudgets)};
  std::vector<std::vector<int>> alone;
  for (const Method& method : methods) {
    const auto device = OnDevice(model_, KvType::kBF16, 0, Precision::kBF16);
    Generation generation(*device, *model_, {method}, prompt_);
    for (int step = 0; step < 8; ++step) generation.Step();
    alone.push_back(generation.tokens().front());
  }
  ForEachOrder([&] {
    const auto device = OnDevice(model_, KvType::kBF16, 0, Precision::kBF16);
    Generation together(*device, *model_, methods, prompt_);
    for (int step = 0; step < 8; ++step) together.Step();
    EXPECT_EQ(together.tokens(), alone);
  });
}

// A policy that looks at keys, which lie on the device; and one that judges by a layer.
TEST_F(CudaBackendTest, PoliciesThatReadKeysDoAsOnTheCpu) {
  const std::vector<Method> methods = {TestMethod("full+keydiff", Semantics::kClean, kBudgets),
                                       TestMethod("full+tova", Semantics::kClean, kBudgets)};
  const auto device = OnDevice(model_, KvType::kF16), cpu = OnCpu(model_, KvType::kF16);
  Generation found(*device, *model_, methods, prompt_), expected(*cpu, *model_, methods, prompt_);
  for (int step = 0; step < 10; ++step) {
    found.Step();
    expected.Step();
  }
  ExpectSame(found, expected, methods, model_->config);
}

// What the probe is shown adds up, and is what the other backend shows.
class SumProbe : public AttentionProbe {
 public:
  void OnAttention(const AttentionSample& sample) override {
    double sum = 0;
    for (const float p : sample.probabilities) sum += p;
    EXPECT_NEAR(sum, 1, 1e-5);
    EXPECT_EQ(sample.positions.size(), sample.probabilities.size());
    outputs.insert(outputs.end(), sample.output.begin(), sample.output.end());
  }
  std::vector<float> outputs;
};

TEST_F(CudaBackendTest, ShowsAProbeWhatTheCpuShows) {
  const std::vector<Method> methods = {TestMethod("full+slide", Semantics::kClean, kBudgets)};
  SumProbe found, expected;
  const auto device = OnDevice(model_), cpu = OnCpu(model_);
  for (const auto& [backend, probe] : {std::pair(device.get(), &found), std::pair(cpu.get(), &expected)}) {
    Generation generation(*backend, *model_, methods, prompt_);
    backend->SetProbe(probe);
    generation.Step();
    backend->SetProbe(nullptr);
    generation.Step();
  }
  ASSERT_EQ(found.outputs.size(), model_->config.heads * model_->config.head_dim);
  ASSERT_EQ(found.outputs.size(), expected.outputs.size());
  for (size_t i = 0; i < found.outputs.size(); ++i) EXPECT_NEAR(found.outputs[i], expected.outputs[i], 1e-5);
}

TEST_F(CudaBackendTest, ARowWithoutMemoryFailsAndTheOthersGoOn) {
  const std::vector<Method> methods = {TestMethod("full", Semantics::kClean, kBudgets),
                                       TestMethod("streamingllm", Semantics::kClean, kBudgets)};
  const size_t page = PageBytes(KvType::kF32, model_->config.head_dim);
  // Two pages of the prompt for each KV head, and one of what streamingllm keeps; not the third that the
  // prompt grows to.
  const auto device = OnDevice(model_, KvType::kF32, 3 * model_->config.kv_heads * page);
  const std::vector<int> prompt = TestPrompt(128, 7);
  std::vector<PrefillRow> rows;
  for (const Method& method : methods) rows.push_back({method});
  std::vector<float> logits(2 * model_->config.vocab);
  auto prefilled =
      device->Prefill({.prompt = prompt, .rows = rows}, std::span(logits).first(model_->config.vocab));
  ASSERT_TRUE(prefilled.ok()) << prefilled.status();
  std::vector<BackendSequence*> sequences;
  for (auto& row : *prefilled) sequences.push_back(row->get());
  EXPECT_EQ(device->Decode(sequences, std::vector<int>{1, 1}, logits).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(sequences[0]->status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(sequences[1]->status().ok());
  EXPECT_GE(ArgMaxFinite(std::span(logits).subspan(model_->config.vocab)), 0);
}

TEST_F(CudaBackendTest, RefusesWhatItHasNoKernelsFor) {
  EXPECT_EQ(
      MakeCudaBackend(MakeTestModel(5, {.head_dim = 24}), Precision::kF32, KvType::kF32).status().code(),
      absl::StatusCode::kUnimplemented);
  EXPECT_EQ(MakeCudaBackend(MakeTestModel(5, {.ffn = 36}), Precision::kBF16, KvType::kF32).status().code(),
            absl::StatusCode::kUnimplemented);
}

}  // namespace
}  // namespace kvscope
