// What a grid of methods over the same prompts costs in one batch, beside the cell full+none alone: prompts
// of KVSCOPE_BENCH_DEPTH tokens (default 2900), an eleventh of it new tokens. The ratio of the two times,
// taken in turns, is the result. With KVSCOPE_BENCH_CHECK set, every row's tokens are first held against a
// run of its own. Skipped where SmolLM2-135M is not in the cache.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/depth.h"
#include "runtime/engine/engine.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

constexpr int kPrompts = 2;

int Depth() { return BenchDepth(2900); }

// full+none, and five methods at two windows each. The prompt's budget is 0.7 of the prompt.
std::vector<Method> Grid(int depth) {
  const int longest = depth * 512 / 2900;
  std::vector<Method> methods = {*MakeMethod("full", Semantics::kClean, {})};
  for (const char* name :
       {"full+slide", "full+adaptive", "full+discontinuous", "h2o+h2o", "streamingllm+slm"}) {
    for (int window : {longest, longest / 2}) {
      methods.push_back(*MakeMethod(
          name, Semantics::kClean,
          {.prefill = depth * 2048 / 2900, .window = window, .recent = longest / 4, .max_new = 2 * longest}));
    }
  }
  return methods;
}

// Rows of one prompt follow each other.
std::vector<SequenceRequest> Requests(const std::vector<Method>& methods, int depth) {
  std::vector<SequenceRequest> requests;
  for (int p = 0; p < kPrompts; ++p) {
    std::vector<int> prompt(static_cast<size_t>(depth));
    for (size_t i = 0; i < prompt.size(); ++i)
      prompt[i] = static_cast<int>(100 + (i + 1) * static_cast<size_t>(37 + p) % 40000);
    for (const Method& method : methods) {
      requests.push_back(
          {.prompt = prompt, .method = method, .max_new_tokens = std::max(2, depth * 256 / 2900)});
    }
  }
  return requests;
}

struct Run {
  double seconds = 0;
  double cpu_seconds = 0;  // of all threads: what a busy machine does not change much
  std::vector<std::vector<int>> tokens;
};

Run Generate(Engine& engine, const std::vector<SequenceRequest>& requests) {
  Run run;
  run.tokens.resize(requests.size());
  EngineCallbacks callbacks;
  callbacks.finished = [&](size_t i, SequenceResult result) { run.tokens[i] = std::move(result.tokens); };
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu_start = std::clock();
  (void)engine.Generate(requests, callbacks);
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  run.cpu_seconds = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  return run;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void BM_Grid(benchmark::State& state) {
  const std::string path = testing_files::CachedSmolLm2();
  if (path.empty()) {
    state.SkipWithError("smollm2-135m is not in the cache: kvscope fetch smollm2-135m");
    return;
  }
  const auto model = *LoadModel(path);
  const std::vector<SequenceRequest> grid = Requests(Grid(Depth()), Depth());
  const std::vector<SequenceRequest> cell = Requests({Grid(Depth()).front()}, Depth());
  const auto engine = *Engine::Create(model, {.batch = static_cast<int>(grid.size())});
  if (std::getenv("KVSCOPE_BENCH_CHECK") != nullptr) {
    const Run together = Generate(*engine, grid);
    for (size_t i = 0; i < grid.size(); ++i) {
      if (Generate(*engine, {grid[i]}).tokens.front() == together.tokens[i]) continue;
      state.SkipWithError(("differs from a run of its own: " + grid[i].method.Name()).c_str());
      return;
    }
  }
  std::vector<double> ratios, cpu_ratios;
  for (auto _ : state) {
    const Run alone = Generate(*engine, cell), together = Generate(*engine, grid);
    const size_t rows = grid.size() / kPrompts;
    for (size_t p = 0; p < kPrompts; ++p) {
      if (together.tokens[p * rows] != alone.tokens[p]) state.SkipWithError("full+none differs in the grid");
    }
    ratios.push_back(together.seconds / alone.seconds);
    cpu_ratios.push_back(together.cpu_seconds / alone.cpu_seconds);
    state.SetIterationTime(together.seconds);
  }
  state.counters["ratio"] = Median(ratios);
  state.counters["cpu_ratio"] = Median(cpu_ratios);
  state.counters["rows"] = static_cast<double>(grid.size());
  state.counters["cache_MB"] = static_cast<double>(engine->cache_bytes_peak()) / 1e6;
}
BENCHMARK(BM_Grid)->UseManualTime()->Unit(benchmark::kSecond);

}  // namespace
}  // namespace kvscope
