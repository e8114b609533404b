// Every trace of the reference implementation in a folder (format scope-trace-1: kept sets, evictions,
// lengths, counters, logits of a tiny model under forced decoding), met exactly by the published semantics.
// One folder is in testdata/golden; all traces of another are tried too when KVSCOPE_GOLDEN names it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "fmt/format.h"
#include "fmt/ranges.h"
#include "results/base/jsonl.h"
#include "runtime/engine/backend.h"
#include "runtime/engine/golden_params.h"
#include "runtime/engine/test_backend.h"

namespace kvscope {
namespace {

using nlohmann::json;

// Float32 noise moves no logit of any trace by more than 5e-5 (the traces' own repeats).
constexpr double kLogitTolerance = 5e-4;

// Test programs of the format's settings: budgets from the trace, and its pooling width in place of the
// policy's own.
struct TraceMethod {
  explicit TraceMethod(const json& params) {
    const absl::StatusOr<Method> made = MethodOfParams(params, Semantics::kPublished);
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

// Plays one trace, step by step, and holds every step against it.
class TraceRun {
 public:
  explicit TraceRun(const json& trace) : trace_(trace), method_(trace.at("params")) {
    difference_ = method_.status.ok() ? "" : method_.status.ToString();
    if (difference_.empty()) BeginPrompt();
  }

  // Empty while all is as in the trace; else the first difference. Nothing is played after it.
  const std::string& difference() const { return difference_; }
  bool done() const { return !difference_.empty() || prompt_ == trace_.at("prompts").size(); }

  // For a run that is not done and has no sequence for its prompt yet.
  bool NeedsPrefill() const { return !done() && sequence_ == nullptr; }
  std::span<const int> prompt() const { return prompt_ids_; }
  PrefillRow prefill_row() { return {method_.method, &counters_}; }
  void EndPrefill(absl::StatusOr<std::unique_ptr<BackendSequence>> sequence, std::span<const float> logits) {
    if (!sequence.ok()) {
      difference_ = sequence.status().ToString();
      return;
    }
    sequence_ = *std::move(sequence);
    difference_ = CompareRows(Prompt().at("prefill_rows"), "after prefill", /*in_order=*/true);
    if (difference_.empty()) {
      difference_ = CompareLogits(logits, Prompt().at("logits").at(0), "after prefill");
    }
  }

  // For the next step of a run that is not done: what to feed, and what came of it.
  BackendSequence* sequence() { return sequence_.get(); }
  int token() const { return forced_[static_cast<size_t>(step_)]; }
  void EndStep(std::span<const float> logits) {
    difference_ = CompareStep(logits);
    if (++step_ == static_cast<int>(forced_.size()) && difference_.empty()) {
      // As sets: the order of what the last selection kept hangs on float noise.
      difference_ = CompareRows(Prompt().at("final_rows"), "after the last step", /*in_order=*/false);
      ++prompt_;
      if (!done()) BeginPrompt();
    }
    if (!difference_.empty()) difference_ = fmt::format("prompt {}: {}", prompt_, difference_);
  }

 private:
  const json& Prompt() const { return trace_.at("prompts")[prompt_]; }

  void BeginPrompt() {
    prompt_ids_ = Prompt().at("prompt_ids").get<std::vector<int>>();
    forced_ = Prompt().at("forced_ids").get<std::vector<int>>();
    step_ = 0;
    next_eviction_ = 0;
    held_ = Held(Prompt().at("prefill_rows"));
    sequence_ = nullptr;
  }

  static std::vector<std::vector<std::set<int>>> Held(const json& rows) {
    std::vector<std::vector<std::set<int>>> held;
    for (const json& layer : rows) {
      held.emplace_back();
      for (const json& head : layer) held.back().emplace_back(head.begin(), head.end());
    }
    return held;
  }

  std::string CompareStep(std::span<const float> logits) {
    const auto t = static_cast<size_t>(step_);
    const json& evicted = Prompt().at("evicted");
    const json* here = nullptr;
    if (next_eviction_ < evicted.size() && evicted[next_eviction_][0] == step_)
      here = &evicted[next_eviction_++][1];
    for (size_t l = 0; l < held_.size(); ++l) {
      for (size_t h = 0; h < held_[l].size(); ++h) {
        std::set<int>& expected = held_[l][h];
        expected.insert(static_cast<int>(prompt_ids_.size()) + step_);
        if (here != nullptr) {
          for (int position : (*here)[l][h]) expected.erase(position);
        }
        const std::vector<int> rows = sequence_->Rows(static_cast<int>(l), static_cast<int>(h));
        if (std::set<int>(rows.begin(), rows.end()) != expected) {
          return fmt::format("step {}, layer {}, head {}: {}", step_, l, h,
                             SetDifference({expected.begin(), expected.end()}, rows));
        }
        if (rows.size() != Prompt().at("cache_len")[t][l]) {
          return fmt::format("step {}, layer {}, head {}: length: expected {}, found {}", step_, l, h,
                             Prompt().at("cache_len")[t][l].dump(), rows.size());
        }
      }
    }
    const json& counters = Prompt().at("counters")[t];
    const json found = {counters_.step, counters_.jump, counters_.jump_layer};
    if (counters[0] != -1 && counters != found) {
      return fmt::format("step {}: counters: expected {}, found {}", step_, counters.dump(), found.dump());
    }
    return CompareLogits(logits, Prompt().at("logits")[t + 1], fmt::format("step {}", step_));
  }

  std::string CompareRows(const json& expected, const std::string& when, bool in_order) const {
    for (size_t l = 0; l < expected.size(); ++l) {
      for (size_t h = 0; h < expected[l].size(); ++h) {
        const std::vector<int> rows = sequence_->Rows(static_cast<int>(l), static_cast<int>(h));
        const std::vector<int> wanted = expected[l][h];
        const std::set<int> a(rows.begin(), rows.end()), b(wanted.begin(), wanted.end());
        if (rows == wanted || (!in_order && a == b)) continue;
        return fmt::format("{}, layer {}, head {}: {}", when, l, h,
                           a == b ? "the same positions in another row order" : SetDifference(wanted, rows));
      }
    }
    return "";
  }

  std::string CompareLogits(std::span<const float> logits, const json& expected,
                            const std::string& when) const {
    const auto largest = std::max_element(logits.begin(), logits.end());
    if (!(std::fabs(*largest - expected[1].get<double>()) <= kLogitTolerance)) {
      return fmt::format("{}: largest logit: expected {}, found {}", when, expected[1].dump(), *largest);
    }
    if (expected[2] > 2 * kLogitTolerance && largest - logits.begin() != expected[0]) {
      return fmt::format("{}: argmax: expected {}, found {}", when, expected[0].dump(),
                         largest - logits.begin());
    }
    const json& probes = trace_.at("params").at("logit_probe_ids");
    for (size_t i = 0; i < probes.size(); ++i) {
      const float found = logits[probes[i].get<size_t>()];
      if (!(std::fabs(found - expected[3 + i].get<double>()) <= kLogitTolerance)) {
        return fmt::format("{}: logit {}: expected {}, found {}", when, probes[i].dump(),
                           expected[3 + i].dump(), found);
      }
    }
    return "";
  }

  const json& trace_;
  TraceMethod method_;
  PublishedCounters counters_;  // of one process: both prompts of a two-prompt trace
  std::string difference_;
  size_t prompt_ = 0;
  // Of the current prompt.
  std::vector<int> prompt_ids_, forced_;
  std::unique_ptr<BackendSequence> sequence_;
  std::vector<std::vector<std::set<int>>> held_;  // [layers][heads]: what the trace says is cached
  size_t next_eviction_ = 0;
  int step_ = 0;
};

// Prefills all runs that wait for it, those with equal prompts at once.
void Prefill(Backend& backend, size_t vocab, std::span<const std::unique_ptr<TraceRun>> runs) {
  std::vector<float> logits(vocab);
  for (const auto& first : runs) {
    if (!first->NeedsPrefill()) continue;
    std::vector<TraceRun*> group;
    PrefillRequest request{.prompt = first->prompt()};
    for (const auto& run : runs) {
      if (!run->NeedsPrefill() || !std::ranges::equal(run->prompt(), first->prompt())) continue;
      group.push_back(run.get());
      request.rows.push_back(run->prefill_row());
    }
    auto rows = backend.Prefill(request, logits);
    ASSERT_TRUE(rows.ok()) << rows.status();
    for (size_t i = 0; i < group.size(); ++i) group[i]->EndPrefill(std::move((*rows)[i]), logits);
  }
}

// Plays runs together, one row of the batch each, until all are done.
void PlayTogether(Backend& backend, size_t vocab, std::span<const std::unique_ptr<TraceRun>> runs) {
  while (true) {
    Prefill(backend, vocab, runs);
    std::vector<TraceRun*> active;
    std::vector<BackendSequence*> rows;
    std::vector<int> tokens;
    for (const auto& run : runs) {
      if (run->done()) continue;
      active.push_back(run.get());
      rows.push_back(run->sequence());
      tokens.push_back(run->token());
    }
    if (active.empty()) return;
    std::vector<float> logits(active.size() * vocab);
    const absl::Status status = backend.Decode(rows, tokens, logits);
    ASSERT_TRUE(status.ok()) << status;
    for (size_t i = 0; i < active.size(); ++i)
      active[i]->EndStep(std::span(logits).subspan(i * vocab, vocab));
  }
}

std::vector<std::string> Traces(const std::string& folder) {
  std::vector<std::string> paths;
  if (!std::filesystem::is_directory(folder)) return paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

// `batch` traces of a folder at a time, neighbours in the batch with different methods and budgets. Those of
// them that have the same prompt are prefilled once.
void PlayAll(const std::string& folder, size_t batch) {
  const std::vector<std::string> paths = Traces(folder + "/traces");
  ASSERT_FALSE(paths.empty()) << folder << "/traces holds no .json file";
  auto model = LoadModel(folder + "/tiny_llama");
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config;
  auto backend = MakeTestBackend(*model, KvType::kF32);
  ASSERT_TRUE(backend.ok()) << backend.status();
  size_t met = 0;
  for (size_t first = 0; first < paths.size(); first += batch) {
    const size_t n = std::min(batch, paths.size() - first);
    std::vector<json> traces(n);
    std::vector<std::unique_ptr<TraceRun>> runs;
    for (size_t i = 0; i < n; ++i) {
      auto trace = ReadJsonFile(paths[first + i]);
      ASSERT_TRUE(trace.ok()) << trace.status();
      traces[i] = *std::move(trace);
      runs.push_back(std::make_unique<TraceRun>(traces[i]));
    }
    PlayTogether(**backend, config.vocab, runs);
    for (size_t i = 0; i < n; ++i) {
      const std::string& difference = runs[i]->difference();
      fmt::print("{}: {}\n", paths[first + i], difference.empty() ? "pass" : difference);
      EXPECT_EQ(difference, "") << paths[first + i];
      met += difference.empty();
    }
  }
  fmt::print("{} of {} traces met exactly, {} at a time\n", met, paths.size(), batch);
}

// A few that are always there, and all of a folder that the environment names.
TEST(GoldenTraces, OfTheRepositoryOneByOne) { PlayAll(KVSCOPE_TESTDATA "/golden", 1); }
TEST(GoldenTraces, OfTheRepositoryInABatchOfDifferentMethods) { PlayAll(KVSCOPE_TESTDATA "/golden", 10); }

class GivenGoldenTraces : public testing::Test {
 protected:
  void SetUp() override {
    const char* golden = std::getenv("KVSCOPE_GOLDEN");
    if (golden == nullptr) GTEST_SKIP() << "KVSCOPE_GOLDEN names no folder of golden traces";
    folder_ = golden;
  }
  std::string folder_;
};

TEST_F(GivenGoldenTraces, OneByOne) { PlayAll(folder_, 1); }
TEST_F(GivenGoldenTraces, InABatchOfDifferentMethods) { PlayAll(folder_, 16); }
TEST_F(GivenGoldenTraces, AllAtOnceSharingPrompts) { PlayAll(folder_, 1000); }

}  // namespace
}  // namespace kvscope
