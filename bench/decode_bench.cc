// Decode steps of SmolLM2-135M around a cache of KVSCOPE_BENCH_DEPTH tokens (default 4096): by depth, batch,
// precision and cache type, and under each method at equal cache length. Tokens a second, cached bytes that a
// step reads, and the share of it that selection and eviction take. Skipped where the model is not in the
// cache.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/depth.h"
#include "fmt/format.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/backend.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

constexpr int kThreads = 2;

struct Case {
  std::string method = "full";
  int depth = 0;
  int batch = 1;
  Precision precision = Precision::kBF16;
  KvType kv = KvType::kBF16;
};

int Depth() { return BenchDepth(4096); }

std::shared_ptr<const Model> SmolLm2() {
  static const std::shared_ptr<const Model> model = [] {
    const std::string path = testing_files::CachedSmolLm2();
    return path.empty() ? nullptr : *LoadModel(path);
  }();
  return model;
}

Backend& BackendFor(Precision precision, KvType kv) {
  static std::map<std::pair<Precision, KvType>, std::unique_ptr<Backend>> backends;
  std::unique_ptr<Backend>& backend = backends[{precision, kv}];
  if (backend == nullptr) backend = *MakeCpuBackend(SmolLm2(), precision, kv, kThreads);
  return *backend;
}

// Of the prompt only as much as leaves room for the window, so that every method has the same length.
int Window(int depth) { return std::max(2, depth / 8); }

std::unique_ptr<BackendSequence> Start(Backend& backend, const Case& with, int seed,
                                       std::span<float> logits) {
  const int window = Window(with.depth), length = std::max(1, with.depth - window);
  std::vector<int> prompt(static_cast<size_t>(length));
  for (size_t i = 0; i < prompt.size(); ++i)
    prompt[i] = static_cast<int>(100 + (i * 37 + static_cast<size_t>(seed) * 101) % 40000);
  const Budgets budgets{
      .prefill = length, .window = window, .recent = window / 2, .max_new = 2 * with.depth + 4096};
  const auto method = MakeMethod(with.method, Semantics::kClean, budgets);
  return *PrefillOne(backend, {.prompt = prompt, .rows = {{*method}}}, logits);
}

void BM_DecodeStep(benchmark::State& state, const Case& with) {
  if (SmolLm2() == nullptr) {
    state.SkipWithError("smollm2-135m is not in the cache: kvscope fetch smollm2-135m");
    return;
  }
  Backend& backend = BackendFor(with.precision, with.kv);
  const auto batch = static_cast<size_t>(with.batch);
  const size_t vocab = SmolLm2()->config.vocab;
  std::vector<float> logits(batch * vocab);
  std::vector<std::unique_ptr<BackendSequence>> sequences;
  std::vector<BackendSequence*> rows;
  for (int row = 0; row < with.batch; ++row) {
    sequences.push_back(Start(backend, with, row, std::span(logits).first(vocab)));
    rows.push_back(sequences.back().get());
  }
  const std::vector<int> tokens(batch, 100);
  const auto step = [&] { (void)backend.Decode(rows, tokens, logits); };
  for (int i = 0; i < Window(with.depth); ++i) step();
  const PhaseTimes before = rows.front()->times();
  for (auto _ : state) step();
  const PhaseTimes after = rows.front()->times();
  state.SetItemsProcessed(state.iterations() * with.batch);
  state.counters["select_share"] = (after.select_s - before.select_s) / (after.decode_s - before.decode_s);
  state.counters["kv_bytes"] = static_cast<double>(rows.front()->kv().end_bytes) * with.batch;
}

void Register(const Case& with) {
  const std::string name = fmt::format("BM_DecodeStep/{}/{}/kv_{}/batch_{}/depth_{}", with.method,
                                       Name(with.precision), Name(with.kv), with.batch, with.depth);
  benchmark::RegisterBenchmark(name.c_str(), [with](benchmark::State& state) { BM_DecodeStep(state, with); })
      ->Unit(benchmark::kMillisecond)
      ->UseRealTime();
}

void RegisterAll() {
  const int depth = Depth();
  for (const int at : {0, depth / 4, depth, 2 * depth}) Register({.depth = at});
  for (const KvType kv : {KvType::kF16, KvType::kInt8}) Register({.depth = depth, .kv = kv});
  Register({.depth = depth, .precision = Precision::kF32, .kv = KvType::kF32});
  for (const KvType kv : {KvType::kBF16, KvType::kInt8}) Register({.depth = depth, .batch = 8, .kv = kv});
  for (const char* method :
       {"full+null", "full+slm", "full+h2o", "full+slide", "full+adaptive", "full+discontinuous",
        "full+scope", "full+random", "full+tova", "full+keydiff"}) {
    Register({.method = method, .depth = depth});
  }
}

const bool registered = (RegisterAll(), true);

}  // namespace
}  // namespace kvscope
