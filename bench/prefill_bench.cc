// Prefill of SmolLM2-135M in bf16: of prompts of an eighth to twice KVSCOPE_BENCH_DEPTH tokens (default
// 4096), and at that length under each prefill policy. Tokens a second, and the share of the time that
// compression takes. Skipped where the model is not in the cache.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <vector>

#include "bench/depth.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/backend.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

int Depth() { return BenchDepth(4096); }

void BM_Prefill(benchmark::State& state, const std::string& method_name, int length) {
  const std::string path = testing_files::CachedSmolLm2();
  if (path.empty()) {
    state.SkipWithError("smollm2-135m is not in the cache: kvscope fetch smollm2-135m");
    return;
  }
  static const auto model = LoadModel(path);
  static const auto backend = MakeCpuBackend(*model, Precision::kBF16, KvType::kBF16, 2);
  std::vector<int> prompt(static_cast<size_t>(length));
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<int>(100 + i * 37 % 40000);
  const auto method = MakeMethod(method_name, Semantics::kClean, {.prefill = length / 4});
  std::vector<float> logits((*model)->config.vocab);
  double compress_s = 0, prefill_s = 0;
  for (auto _ : state) {
    const auto sequence = PrefillOne(**backend, {.prompt = prompt, .rows = {{*method}}}, logits);
    compress_s += (*sequence)->times().compress_s;
    prefill_s += (*sequence)->times().prefill_s;
  }
  state.SetItemsProcessed(state.iterations() * length);
  state.counters["compress_share"] = compress_s / (compress_s + prefill_s);
}

void Register(const std::string& method, int length) {
  benchmark::RegisterBenchmark(
      ("BM_Prefill/" + method + "/" + std::to_string(length)).c_str(),
      [method, length](benchmark::State& state) { BM_Prefill(state, method, length); })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

void RegisterAll() {
  for (const int length : {Depth() / 8, Depth() / 4, Depth(), 2 * Depth()}) Register("full", length);
  for (const char* method : {"streamingllm", "snapkv", "h2o", "pyramidkv", "pyramidinfer"}) {
    Register(method, Depth());
  }
}

const bool registered = (RegisterAll(), true);

}  // namespace
}  // namespace kvscope
