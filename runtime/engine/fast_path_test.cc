// Precision::kBF16 against Precision::kF32, and against itself however it is run.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "fmt/format.h"
#include "kernels/cpu/cpu_level.h"
#include "results/base/jsonl.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/test_model.h"
#include "runtime/engine/test_requests.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

class FastPathTest : public testing::TestWithParam<CpuLevel> {
 protected:
  const ScopedCpuLevel level_{GetParam()};
};

INSTANTIATE_TEST_SUITE_P(Levels, FastPathTest, testing::ValuesIn(UsableLevels()),
                         [](const auto& param) { return std::string(Name(param.param)); });

std::vector<std::vector<int>> Tokens(const std::shared_ptr<const Model>& model, KvType kv, int threads,
                                     int batch, const std::vector<SequenceRequest>& requests) {
  auto engine =
      Engine::Create(model, {.threads = threads, .batch = batch, .precision = Precision::kBF16, .kv = kv});
  EXPECT_TRUE(engine.ok()) << engine.status();
  std::vector<std::vector<int>> tokens;
  for (SequenceResult& result : GenerateAll(**engine, requests)) {
    EXPECT_EQ(result.finish, Finish::kLength) << result.error;
    tokens.push_back(std::move(result.tokens));
  }
  return tokens;
}

TEST_P(FastPathTest, TokensDependNeitherOnBatchNorOnThreads) {
  const auto model = MakeTestModel(3, {.hidden = 96, .ffn = 80});
  std::vector<SequenceRequest> requests;
  for (int seed = 0; seed < 11; ++seed) {
    SequenceRequest request;
    request.prompt = TestPrompt(9 + 13 * seed, seed);
    request.method = TestMethod(seed % 2 == 0 ? "full" : "snapkv+slide", Semantics::kClean,
                                {.prefill = 24, .observation = 4, .window = 16, .recent = 6, .max_new = 24});
    request.max_new_tokens = 20 + seed % 4;
    requests.push_back(request);
  }
  const auto alone = Tokens(model, KvType::kF32, 1, 1, requests);
  for (const auto& [threads, batch] : {std::pair{2, 1}, {1, 3}, {2, 8}, {3, 11}})
    EXPECT_EQ(Tokens(model, KvType::kF32, threads, batch, requests), alone)
        << threads << " threads, batch " << batch;
}

// Every method, over a prompt that rows share and of more than one chunk, at a head dimension that has
// products of its own at each level.
TEST_P(FastPathTest, EveryMethodsTokensDependNeitherOnBatchNorOnThreads) {
  const auto model = MakeTestModel(3, {.layers = 2, .hidden = 96, .head_dim = 32, .ffn = 80});
  std::vector<SequenceRequest> requests;
  for (const Method& method : EveryTestMethod())
    requests.push_back({.prompt = TestPrompt(530, 1), .method = method, .max_new_tokens = 24});
  for (const KvType kv : {KvType::kBF16, KvType::kInt8}) {
    const auto alone = Tokens(model, kv, 1, 1, requests);
    for (const auto& [threads, batch] : {std::pair{2, 1}, {1, 3}, {2, 8}}) {
      const auto together = Tokens(model, kv, threads, batch, requests);
      for (size_t i = 0; i < requests.size(); ++i) {
        EXPECT_EQ(together[i], alone[i]) << Name(kv) << ", " << requests[i].method.Name() << ", " << threads
                                         << " threads, batch " << batch;
      }
    }
  }
}

// ---- SmolLM2-135M on real text ----

std::vector<double> LogProbabilities(std::span<const float> logits) {
  const double most = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - most);
  std::vector<double> result;
  for (const float logit : logits) result.push_back(logit - most - std::log(sum));
  return result;
}

// How far the distributions of next tokens are from those of the exact path.
struct Agreement {
  double kl = 0;    // from the exact distribution, sum over steps
  size_t top1 = 0;  // steps at which the most probable token is the same
  size_t steps = 0;

  void Add(std::span<const float> exact, std::span<const float> fast) {
    const std::vector<double> p = LogProbabilities(exact), q = LogProbabilities(fast);
    for (size_t i = 0; i < p.size(); ++i) kl += std::exp(p[i]) * (p[i] - q[i]);
    top1 += std::ranges::max_element(exact) - exact.begin() == std::ranges::max_element(fast) - fast.begin()
                ? 1
                : 0;
    ++steps;
  }
};

class Player {
 public:
  Player(const std::shared_ptr<const Model>& model, Precision precision, std::span<const int> prompt)
      : backend_(*MakeCpuBackend(model, precision, KvType::kF32, 2)), logits_(model->config.vocab) {
    const PrefillRequest request{.prompt = prompt, .rows = {{TestMethod("full", Semantics::kClean, {})}}};
    auto sequence = PrefillOne(*backend_, request, logits_);
    EXPECT_TRUE(sequence.ok()) << sequence.status();
    sequence_ = *std::move(sequence);
  }

  std::span<const float> logits() const { return logits_; }
  void Step(int token) {
    BackendSequence* const rows[] = {sequence_.get()};
    EXPECT_TRUE(backend_->Decode(rows, std::span(&token, 1), logits_).ok());
  }

 private:
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<BackendSequence> sequence_;
  std::vector<float> logits_;
};

TEST(FastPath, SmolLm2IsCloseToTheExactPathOnRealText) {
  const char* golden = std::getenv("KVSCOPE_GOLDEN");
  if (golden == nullptr) GTEST_SKIP() << "KVSCOPE_GOLDEN names no folder with tokens of a text";
  const std::string path = testing_files::CachedSmolLm2();
  if (path.empty()) GTEST_SKIP() << "smollm2-135m is not in the cache: kvscope fetch smollm2-135m";
  const auto text = ReadJsonFile(std::string(golden) + "/smollm2/p600_full_none.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const std::vector<int> tokens = text->at("prompt_ids").get<std::vector<int>>();
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.status();

  constexpr size_t kPrompt = 256, kSteps = 160;
  const std::span<const int> prompt = std::span(tokens).first(kPrompt);
  std::vector<CpuLevel> levels = UsableLevels();
  if (levels.size() > 2) levels.erase(levels.begin(), levels.end() - 2);  // the others take long
  Player exact(*model, Precision::kF32, prompt);
  std::vector<Player> fast;
  for (const CpuLevel level : levels) {
    const ScopedCpuLevel scope(level);
    fast.emplace_back(*model, Precision::kBF16, prompt);
  }
  std::vector<Agreement> agreements(levels.size());
  for (size_t step = 0; step < kSteps; ++step) {
    for (size_t i = 0; i < levels.size(); ++i) {
      const ScopedCpuLevel scope(levels[i]);
      agreements[i].Add(exact.logits(), fast[i].logits());
      fast[i].Step(tokens[kPrompt + step]);
    }
    exact.Step(tokens[kPrompt + step]);
  }
  for (size_t i = 0; i < levels.size(); ++i) {
    const double kl = agreements[i].kl / kSteps, top1 = static_cast<double>(agreements[i].top1) / kSteps;
    fmt::print("{}: mean KL {:.2e} nat, top-1 agreement {:.2f} %\n", Name(levels[i]), kl, 100 * top1);
    EXPECT_LE(kl, 1e-3);
    EXPECT_GE(top1, 0.97);
  }
}

}  // namespace
}  // namespace kvscope
