// Decode steps of SmolLM2-135M under each method at a cache of KVSCOPE_BENCH_DEPTH tokens (default 4096):
// time a step, and of it the share that selection and eviction take. Skipped where the model is not in the
// cache.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/backend.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

int Depth() {
  const char* depth = std::getenv("KVSCOPE_BENCH_DEPTH");
  return depth != nullptr ? std::atoi(depth) : 4096;
}

void BM_DecodeStep(benchmark::State& state, const std::string& method_name) {
  const std::string path = testing_files::CachedSmolLm2();
  if (path.empty()) {
    state.SkipWithError("smollm2-135m is not in the cache: kvscope fetch smollm2-135m");
    return;
  }
  static const auto model = LoadModel(path);
  static const auto backend = MakeCpuBackend(*model, Precision::kF32, KvType::kF32, 2);
  // Of the prompt only as much as leaves room for the window, so that every method is measured at the same
  // length.
  const int depth = Depth(), window = depth / 8;
  std::vector<int> prompt(static_cast<size_t>(depth - window));
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = static_cast<int>(100 + i * 37 % 40000);
  const Budgets budgets{
      .prefill = depth - window, .window = window, .recent = window / 2, .max_new = 2 * depth};
  const auto method = MakeMethod(method_name, Semantics::kClean, budgets);
  std::vector<float> logits((*model)->config.vocab);
  const auto sequence = PrefillOne(**backend, {.prompt = prompt, .rows = {{*method}}}, logits);
  BackendSequence* const rows[] = {sequence->get()};
  const int token = 100;
  for (int step = 0; step < window; ++step) (void)(*backend)->Decode(rows, std::span(&token, 1), logits);
  const PhaseTimes before = (*sequence)->times();
  for (auto _ : state) (void)(*backend)->Decode(rows, std::span(&token, 1), logits);
  const PhaseTimes after = (*sequence)->times();
  state.counters["select_share"] = (after.select_s - before.select_s) / (after.decode_s - before.decode_s);
  state.counters["tokens"] = (*sequence)->kv().tokens_by_layer.front();
}

void RegisterAll() {
  for (const char* method :
       {"full", "full+null", "full+slm", "full+h2o", "full+slide", "full+adaptive", "full+discontinuous",
        "full+scope", "full+random", "full+tova", "full+keydiff"}) {
    benchmark::RegisterBenchmark(("BM_DecodeStep/" + std::string(method)).c_str(),
                                 [method](benchmark::State& state) { BM_DecodeStep(state, method); })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
  }
}

const bool registered = (RegisterAll(), true);

}  // namespace
}  // namespace kvscope
