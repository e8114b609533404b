// Every trace of the reference implementation in a folder (format scope-trace-1: kept sets, evictions,
// lengths, counters, logits of a tiny model under forced decoding), met exactly by the published semantics.
// The folder is that named by KVSCOPE_GOLDEN; all traces in it are tried, whatever their number.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/backend.h"

namespace kvscope {
namespace {

using nlohmann::json;

// Float32 noise moves no logit of any trace by more than 5e-5 (the traces' own repeats).
constexpr double kLogitTolerance = 5e-4;

// Test programs of the format's settings: budgets from the trace, and its pooling width in place of the
// policy's own.
struct TraceMethod {
  explicit TraceMethod(const json& params) {
    Budgets budgets;
    budgets.prefill = params.at("C");
    budgets.observation = params.at("w");
    budgets.window = params.at("W");
    budgets.recent = params.at("R");
    budgets.max_new = params.at("T");
    const std::string name =
        fmt::format("{}+{}", params.at("prefill").get<std::string>(), params.at("decode").get<std::string>());
    absl::StatusOr<Method> made = MakeMethod(name, Semantics::kPublished, budgets);
    if (!made.ok()) {
      status = made.status();
      return;
    }
    method = *made;
    prefill = *method.prefill;
    if (prefill.pool_kernel != 1) prefill.pool_kernel = params.at("kernel_size");
    method.prefill = &prefill;
  }
  absl::Status status;
  PrefillPolicy prefill;
  Method method;
};

std::string SetDifference(std::vector<int> expected, std::vector<int> found) {
  std::sort(expected.begin(), expected.end());
  std::sort(found.begin(), found.end());
  std::vector<int> missing, extra;
  std::set_difference(expected.begin(), expected.end(), found.begin(), found.end(),
                      std::back_inserter(missing));
  std::set_difference(found.begin(), found.end(), expected.begin(), expected.end(),
                      std::back_inserter(extra));
  return fmt::format("missing positions [{}], unexpected [{}]", fmt::join(missing, " "),
                     fmt::join(extra, " "));
}

// First difference between a trace and a run of it, as text; empty where there is none.
class TraceRun {
 public:
  TraceRun(Backend& backend, const ModelConfig& config, const json& trace)
      : backend_(backend),
        config_(config),
        trace_(trace),
        method_(trace.at("params")),
        logits_(config.vocab) {}

  std::string FirstDifference() {
    if (!method_.status.ok()) return method_.status.ToString();
    int number = 0;
    for (const json& prompt : trace_.at("prompts")) {
      const std::string difference = Prompt(prompt);
      if (!difference.empty()) return fmt::format("prompt {}: {}", number, difference);
      ++number;
    }
    return "";
  }

 private:
  std::string Prompt(const json& prompt) {
    const std::vector<int> ids = prompt.at("prompt_ids"), forced = prompt.at("forced_ids");
    PrefillRequest request{.prompt = ids, .method = method_.method, .counters = &counters_};
    auto sequence = backend_.Prefill(request, logits_);
    if (!sequence.ok()) return sequence.status().ToString();
    std::string difference = CompareRows(**sequence, prompt.at("prefill_rows"), "after prefill");
    if (difference.empty()) difference = CompareLogits(prompt.at("logits").at(0), "after prefill");
    std::vector<std::vector<std::set<int>>> held = Held(prompt.at("prefill_rows"));
    size_t next_eviction = 0;
    for (int step = 0; difference.empty() && step < static_cast<int>(forced.size()); ++step) {
      BackendSequence* const rows[] = {sequence->get()};
      const absl::Status status =
          backend_.Decode(rows, std::span(&forced[static_cast<size_t>(step)], 1), logits_);
      if (!status.ok()) return status.ToString();
      const json& evicted = prompt.at("evicted");
      const json* here = nullptr;
      if (next_eviction < evicted.size() && evicted[next_eviction][0] == step)
        here = &evicted[next_eviction++][1];
      difference = CompareStep(**sequence, prompt, held, here, step, static_cast<int>(ids.size()));
    }
    if (difference.empty())
      difference = CompareRows(**sequence, prompt.at("final_rows"), "after the last step");
    return difference;
  }

  static std::vector<std::vector<std::set<int>>> Held(const json& rows) {
    std::vector<std::vector<std::set<int>>> held;
    for (const json& layer : rows) {
      held.emplace_back();
      for (const json& head : layer) held.back().emplace_back(head.begin(), head.end());
    }
    return held;
  }

  std::string CompareStep(const BackendSequence& sequence, const json& prompt,
                          std::vector<std::vector<std::set<int>>>& held, const json* evicted, int step,
                          int prompt_len) {
    for (size_t l = 0; l < held.size(); ++l) {
      for (size_t h = 0; h < held[l].size(); ++h) {
        held[l][h].insert(prompt_len + step);
        if (evicted != nullptr) {
          for (int position : (*evicted)[l][h]) held[l][h].erase(position);
        }
        const std::vector<int> rows = sequence.Rows(static_cast<int>(l), static_cast<int>(h));
        if (!std::equal(held[l][h].begin(), held[l][h].end(),
                        std::set<int>(rows.begin(), rows.end()).begin()) ||
            rows.size() != held[l][h].size()) {
          return fmt::format("step {}, layer {}, head {}: {}", step, l, h,
                             SetDifference({held[l][h].begin(), held[l][h].end()}, rows));
        }
        if (rows.size() != prompt.at("cache_len")[static_cast<size_t>(step)][l]) {
          return fmt::format("step {}, layer {}: length", step, l);
        }
      }
    }
    const json& counters = prompt.at("counters")[static_cast<size_t>(step)];
    if (counters[0] != -1 && counters != json{counters_.step, counters_.jump, counters_.jump_layer}) {
      return fmt::format("step {}: counters: expected {}, found [{},{},{}]", step, counters.dump(),
                         counters_.step, counters_.jump, counters_.jump_layer);
    }
    return CompareLogits(prompt.at("logits")[static_cast<size_t>(step) + 1], fmt::format("step {}", step));
  }

  std::string CompareRows(const BackendSequence& sequence, const json& expected, const std::string& when,
                          bool in_order = true) const {
    for (size_t l = 0; l < expected.size(); ++l) {
      for (size_t h = 0; h < expected[l].size(); ++h) {
        const std::vector<int> rows = sequence.Rows(static_cast<int>(l), static_cast<int>(h));
        const std::vector<int> wanted = expected[l][h];
        const std::set<int> a(rows.begin(), rows.end()), b(wanted.begin(), wanted.end());
        if (rows == wanted || (!in_order && a == b)) continue;
        return fmt::format("{}, layer {}, head {}: {}", when, l, h,
                           a == b ? "the same positions in another row order" : SetDifference(wanted, rows));
      }
    }
    return "";
  }

  std::string CompareLogits(const json& expected, const std::string& when) const {
    const auto largest = std::max_element(logits_.begin(), logits_.end());
    if (!(std::fabs(*largest - expected[1].get<double>()) <= kLogitTolerance)) {
      return fmt::format("{}: largest logit: expected {}, found {}", when, expected[1].dump(), *largest);
    }
    if (expected[2] > 2 * kLogitTolerance && largest - logits_.begin() != expected[0]) {
      return fmt::format("{}: argmax: expected {}, found {}", when, expected[0].dump(),
                         largest - logits_.begin());
    }
    const json& probes = trace_.at("params").at("logit_probe_ids");
    for (size_t i = 0; i < probes.size(); ++i) {
      const float found = logits_[probes[i].get<size_t>()];
      if (!(std::fabs(found - expected[3 + i].get<double>()) <= kLogitTolerance)) {
        return fmt::format("{}: logit {}: expected {}, found {}", when, probes[i].dump(),
                           expected[3 + i].dump(), found);
      }
    }
    return "";
  }

  Backend& backend_;
  const ModelConfig& config_;
  const json& trace_;
  TraceMethod method_;
  PublishedCounters counters_;
  std::vector<float> logits_;
};

std::vector<std::string> Traces(const std::string& folder) {
  std::vector<std::string> paths;
  if (!std::filesystem::is_directory(folder)) return paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

TEST(GoldenTraces, AreMetExactly) {
  const char* golden = std::getenv("KVSCOPE_GOLDEN");
  if (golden == nullptr) GTEST_SKIP() << "KVSCOPE_GOLDEN names no folder of golden traces";
  const std::string folder = golden;
  const std::vector<std::string> traces = Traces(folder + "/traces");
  ASSERT_FALSE(traces.empty()) << folder << "/traces holds no .json file";
  auto model = LoadModel(folder + "/tiny_llama");
  ASSERT_TRUE(model.ok()) << model.status();
  auto backend = MakeCpuBackend(*model, KvType::kF32, 1);
  ASSERT_TRUE(backend.ok()) << backend.status();
  int passed = 0;
  for (const std::string& path : traces) {
    const auto trace = ReadJsonFile(path);
    ASSERT_TRUE(trace.ok()) << trace.status();
    const std::string difference = TraceRun(**backend, (*model)->config, *trace).FirstDifference();
    passed += difference.empty();
    EXPECT_EQ(difference, "") << path;
  }
  fmt::print("{} of {} traces met exactly\n", passed, traces.size());
}

}  // namespace
}  // namespace kvscope
