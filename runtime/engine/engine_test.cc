#include "runtime/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "fmt/format.h"
#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/backend.h"
#include "runtime/engine/naive_twin.h"
#include "runtime/engine/test_model.h"
#include "runtime/engine/test_requests.h"

namespace kvscope {
namespace {

using testing::HasSubstr;

Method MakeClean(const std::string& name, const Budgets& budgets) {
  const auto method = MakeMethod(name, Semantics::kClean, budgets);
  EXPECT_TRUE(method.ok()) << method.status();
  return *method;
}

// ---- the engine's backend against the naive twin ----

class TwinTest : public testing::TestWithParam<std::string> {};

INSTANTIATE_TEST_SUITE_P(Methods, TwinTest,
                         testing::Values("full", "streamingllm", "snapkv", "h2o", "full+slm", "full+h2o",
                                         "full+slide", "full+adaptive", "full+discontinuous",
                                         "streamingllm+slm", "h2o+h2o", "snapkv+h2o", "h2o+slide",
                                         "snapkv+slide", "snapkv+adaptive", "h2o+discontinuous"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '+', '_');
                           return name;
                         });

// Same positions seen by every head after every step, and the same logits, over a prompt and an output longer
// than any budget. A decision that hangs on float noise would show as a difference: none does with these
// seeds.
TEST_P(TwinTest, SeesTheSamePositionsAndMakesTheSameLogits) {
  const Budgets budgets{.prefill = 20, .observation = 4, .window = 12, .recent = 5, .max_new = 40};
  const Method method = MakeClean(GetParam(), budgets);
  const auto model = MakeTestModel(11);
  const ModelConfig& config = model->config;
  auto backend = MakeCpuBackend(model, Precision::kF32, KvType::kF32, 2);
  ASSERT_TRUE(backend.ok()) << backend.status();
  for (int prompt_length : {15, 37}) {
    NaiveTwin twin(model, method);
    const std::vector<int> prompt = TestPrompt(prompt_length, 5);
    std::vector<float> logits(config.vocab);
    auto sequence = PrefillOne(**backend, {.prompt = prompt, .rows = {{method}}}, logits);
    ASSERT_TRUE(sequence.ok()) << sequence.status();
    std::vector<double> expected = twin.Prefill(prompt);
    const std::vector<int> forced = TestPrompt(40, 6);
    for (size_t step = 0;; ++step) {
      for (size_t i = 0; i < expected.size(); ++i)
        ASSERT_NEAR(logits[i], expected[i], 2e-4) << "before step " << step;
      for (size_t layer = 0; layer < config.layers; ++layer) {
        for (size_t head = 0; head < config.kv_heads; ++head) {
          ASSERT_EQ((*sequence)->Rows(static_cast<int>(layer), static_cast<int>(head)),
                    twin.Seen(layer, head))
              << "before step " << step << ", layer " << layer << ", head " << head;
        }
      }
      if (step == forced.size()) break;
      BackendSequence* const rows[] = {sequence->get()};
      ASSERT_TRUE((*backend)->Decode(rows, std::span(&forced[step], 1), logits).ok());
      expected = twin.Decode(forced[step]);
    }
  }
}

// ---- results do not depend on how they were run ----

// Every registered policy, and every way to share budgets and caches out over heads.
std::vector<SequenceRequest> MixedRequests() {
  const Budgets plain{.prefill = 24, .observation = 4, .window = 16, .recent = 6, .max_new = 48};
  std::vector<Method> methods;
  for (const PrefillPolicy* policy : PrefillPolicies()) {
    methods.push_back(MakeClean(std::string(policy->name) + "+slide", plain));
  }
  for (const DecodePolicy* policy : DecodePolicies()) {
    methods.push_back(MakeClean("snapkv+" + std::string(policy->name), plain));
  }
  for (GroupScore group_score : {GroupScore::kMax, GroupScore::kSum}) {
    Budgets budgets = plain;
    budgets.group_score = group_score;
    methods.push_back(MakeClean("h2o+slide", budgets));
  }
  Budgets budgets = plain;
  budgets.head_budget = HeadBudget::kConcentration;
  methods.push_back(MakeClean("full+slide", budgets));
  budgets.per_query_head = true;
  methods.push_back(MakeClean("h2o+h2o", budgets));
  std::vector<SequenceRequest> requests;
  for (const Method& method : methods) {
    const int seed = static_cast<int>(requests.size());
    SequenceRequest request;
    request.prompt = TestPrompt(20 + 7 * (seed % 5), seed);
    request.method = method;
    request.max_new_tokens = 30 + seed % 3;
    requests.push_back(request);
  }
  return requests;
}

std::vector<SequenceResult> Generate(const std::shared_ptr<const Model>& model, const EngineOptions& options,
                                     const std::vector<SequenceRequest>& requests) {
  auto engine = Engine::Create(model, options);
  EXPECT_TRUE(engine.ok()) << engine.status();
  return GenerateAll(**engine, requests);
}

void ExpectTheSameHoweverRun(const std::shared_ptr<const Model>& model, Precision precision, KvType kv) {
  const auto options = [&](int threads, int batch) {
    return EngineOptions{.threads = threads, .batch = batch, .precision = precision, .kv = kv};
  };
  const std::vector<SequenceRequest> requests = MixedRequests();
  const auto alone = Generate(model, options(1, 1), requests);
  std::vector<SequenceRequest> reversed(requests.rbegin(), requests.rend());
  const auto backwards = Generate(model, options(2, 2), reversed);
  for (const EngineOptions& other : {options(2, 1), options(3, 4), options(1, 16)}) {
    const auto together = Generate(model, other, requests);
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(alone.at(i).finish, Finish::kLength)
          << requests[i].method.Name() << ": " << alone.at(i).error;
      EXPECT_EQ(together.at(i).tokens, alone.at(i).tokens) << requests[i].method.Name();
      EXPECT_EQ(backwards.at(requests.size() - 1 - i).tokens, alone.at(i).tokens) << "request " << i;
      EXPECT_EQ(together.at(i).finish, alone.at(i).finish);
      EXPECT_EQ(together.at(i).kv.peak_bytes, alone.at(i).kv.peak_bytes);
      EXPECT_EQ(together.at(i).kv.evictions, alone.at(i).kv.evictions);
    }
  }
}

TEST(Engine, TokensAndMemoryDependNeitherOnBatchNorThreadsNorOrder) {
  ExpectTheSameHoweverRun(MakeTestModel(3), Precision::kF32, KvType::kF32);
}

// Heads as wide as the widest kernels take, and a head_dim that only the portable ones do.
TEST(Engine, OnTheFastPathNeither) {
  const auto wide = MakeTestModel(3, {.hidden = 64, .head_dim = 64});
  for (const KvType kv : {KvType::kBF16, KvType::kInt8}) ExpectTheSameHoweverRun(wide, Precision::kBF16, kv);
  ExpectTheSameHoweverRun(MakeTestModel(3), Precision::kBF16, KvType::kF16);
}

// ---- memory ----

TEST(Engine, KvBytesAreSlotsTimesHeadsTimesRowBytes) {
  const auto model = MakeTestModel(3);
  const ModelConfig& c = model->config;
  for (KvType type : {KvType::kF32, KvType::kF16, KvType::kBF16, KvType::kInt8}) {
    const Budgets budgets{.prefill = 24, .observation = 4, .window = 16, .recent = 6, .max_new = 60};
    SequenceRequest request{
        .prompt = TestPrompt(50, 1), .method = MakeClean("full+slide", budgets), .max_new_tokens = 60};
    const auto result = Generate(model, {.threads = 1, .kv = type}, {request}).at(0);
    ASSERT_EQ(result.tokens.size(), 60u);
    // 50 of the prompt, 16 in the window, and the one that a step attends to before it evicts.
    const size_t row_bytes = c.layers * c.kv_heads * SlotBytes(type, c.head_dim);
    EXPECT_EQ(result.kv.tokens_by_layer, std::vector<int>(c.layers, 67));
    EXPECT_EQ(result.kv.peak_bytes, 67 * row_bytes);
    EXPECT_EQ(result.kv.end_bytes, 66 * row_bytes);
    EXPECT_EQ(result.kv.requested_tokens, std::vector<int>(c.layers, 66));
    // Steps 1 to 16 attend to 51 .. 66, the other 43 to 67.
    const double mean = (16 * (51 + 66) / 2.0 + 43 * 67) / 59.0;
    EXPECT_NEAR(result.kv.decode_mean_bytes, mean * static_cast<double>(row_bytes), 1e-6 * mean * row_bytes);
    EXPECT_EQ(result.kv.evictions, 43u * c.layers * c.kv_heads);
    EXPECT_EQ(result.kv.allocated_bytes, 2 * PageBytes(type, c.head_dim) * c.layers * c.kv_heads);
    EXPECT_EQ(result.kv.moved_rows, 0u) << "an eviction a step is a slot replacement";
  }
}

// Each query head has a cache of its own: heads / kv_heads times the bytes.
TEST(Engine, PerQueryHeadCachesCostTheirTrueBytes) {
  const auto model = MakeTestModel(3);
  Budgets budgets{.window = 16, .recent = 6, .max_new = 60};
  SequenceRequest request{
      .prompt = TestPrompt(50, 1), .method = MakeClean("full+slide", budgets), .max_new_tokens = 60};
  const auto grouped = Generate(model, {.threads = 1}, {request}).at(0);
  budgets.per_query_head = true;
  request.method = MakeClean("full+slide", budgets);
  const auto repeated = Generate(model, {.threads = 1}, {request}).at(0);
  EXPECT_EQ(repeated.kv.peak_bytes, grouped.kv.peak_bytes * model->config.group());
  EXPECT_EQ(repeated.kv.tokens_by_layer, grouped.kv.tokens_by_layer);
}

// Heads get different windows, the layer's total is that of even ones.
TEST(Engine, ConcentrationMovesBudgetBetweenHeads) {
  const auto model = MakeTestModel(3);
  Budgets budgets{.window = 24, .recent = 6, .max_new = 80};
  SequenceRequest request{
      .prompt = TestPrompt(50, 1), .method = MakeClean("full+slide", budgets), .max_new_tokens = 80};
  const auto even = Generate(model, {.threads = 1}, {request}).at(0);
  budgets.head_budget = HeadBudget::kConcentration;
  request.method = MakeClean("full+slide", budgets);
  const auto uneven = Generate(model, {.threads = 1}, {request}).at(0);
  EXPECT_EQ(uneven.kv.end_bytes, even.kv.end_bytes);
  EXPECT_NE(uneven.kv.tokens_by_layer, even.kv.tokens_by_layer);
}

// Controls that bracket a method: null does all of the work and changes nothing, random evicts as much as
// slide.
TEST(Engine, TheControlsDoWhatTheyClaim) {
  const auto model = MakeTestModel(3);
  const Budgets budgets{.window = 16, .recent = 6, .max_new = 60};
  std::vector<SequenceRequest> requests;
  for (const char* name : {"full", "full+null", "full+slide", "full+random"}) {
    requests.push_back(
        {.prompt = TestPrompt(50, 1), .method = MakeClean(name, budgets), .max_new_tokens = 60});
  }
  const auto results = Generate(model, {.threads = 1}, requests);
  EXPECT_EQ(results.at(1).tokens, results.at(0).tokens);
  EXPECT_EQ(results.at(1).kv.peak_bytes, results.at(0).kv.peak_bytes);
  EXPECT_EQ(results.at(1).kv.evictions, 0u);
  EXPECT_EQ(results.at(3).kv.evictions, results.at(2).kv.evictions);
  EXPECT_EQ(results.at(3).kv.peak_bytes, results.at(2).kv.peak_bytes);
}

// A policy that is in no registry runs through engine and account like any other: it is only a value.
TEST(Engine, RunsAPolicyOfItsOwn) {
  static constexpr DecodePolicy kSinksAndPrompt = {
      .name = "window-only", .rank = DecodePolicy::Rank::kArrival, .protects_prefill = true};
  Method method = MakeClean("full+slide", {.window = 16, .recent = 6, .max_new = 60});
  method.decode = &kSinksAndPrompt;
  const SequenceRequest request{.prompt = TestPrompt(50, 1), .method = method, .max_new_tokens = 60};
  const auto result = Generate(MakeTestModel(3), {.threads = 1}, {request}).at(0);
  EXPECT_EQ(result.finish, Finish::kLength) << result.error;
  EXPECT_EQ(result.kv.requested_tokens, std::vector<int>(3, 66));
  EXPECT_GT(result.kv.evictions, 0u);
}

TEST(Engine, TheFastPathStaysNearTheExactOne) {
  const auto model = MakeTestModel(4, {.hidden = 256, .head_dim = 64});
  const std::vector<int> prompt = TestPrompt(150, 2);
  const Method method = MakeClean("full", {});
  std::vector<float> exact(model->config.vocab), logits(model->config.vocab);
  const auto after_a_step = [&](Precision precision, KvType kv, std::vector<float>& out) {
    const auto backend = MakeCpuBackend(model, precision, kv, 1);
    const auto sequence = PrefillOne(**backend, {.prompt = prompt, .rows = {{method}}}, out);
    BackendSequence* const rows[] = {sequence->get()};
    const int token = 7;
    ASSERT_TRUE((*backend)->Decode(rows, std::span(&token, 1), out).ok());
  };
  after_a_step(Precision::kF32, KvType::kF32, exact);
  for (const auto& [kv, tolerance] : {std::pair(KvType::kBF16, 0.15f), std::pair(KvType::kInt8, 0.3f)}) {
    after_a_step(Precision::kBF16, kv, logits);
    for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], exact[i], tolerance) << Name(kv);
    EXPECT_NE(logits, exact) << Name(kv) << " rounded nothing";
  }
}

TEST(Engine, NarrowCachesStayNearTheExactOne) {
  const auto model = MakeTestModel(4);
  std::vector<float> exact(model->config.vocab);
  const std::vector<int> prompt = TestPrompt(100, 2);
  const Method method = MakeClean("full", {});
  const PrefillRequest request{.prompt = prompt, .rows = {{method}}};
  ASSERT_TRUE((*MakeCpuBackend(model, Precision::kF32, KvType::kF32, 1))->Prefill(request, exact).ok());
  for (const auto& [type, tolerance] :
       {std::pair(KvType::kF16, 0.01f), std::pair(KvType::kBF16, 0.08f), std::pair(KvType::kInt8, 0.2f)}) {
    std::vector<float> logits(model->config.vocab);
    ASSERT_TRUE((*MakeCpuBackend(model, Precision::kF32, type, 1))->Prefill(request, logits).ok());
    for (size_t i = 0; i < logits.size(); ++i) EXPECT_NEAR(logits[i], exact[i], tolerance) << Name(type);
    EXPECT_NE(logits, exact) << Name(type) << " rounded nothing";
  }
}

// ---- ends and errors ----

TEST(Engine, StopsAtAStopTokenAndLeavesItOut) {
  const auto model = MakeTestModel(3);
  SequenceRequest request{.prompt = TestPrompt(20, 1), .method = MakeClean("full", {}), .max_new_tokens = 40};
  const auto free_running = Generate(model, {.threads = 1}, {request}).at(0);
  EXPECT_EQ(free_running.finish, Finish::kLength);
  const int stop = free_running.tokens[7];
  const size_t first = static_cast<size_t>(
      std::find(free_running.tokens.begin(), free_running.tokens.end(), stop) - free_running.tokens.begin());
  request.stop_ids = {stop};
  const auto stopped = Generate(model, {.threads = 1}, {request}).at(0);
  EXPECT_EQ(stopped.finish, Finish::kEos);
  EXPECT_EQ(stopped.tokens,
            std::vector<int>(free_running.tokens.begin(),
                             free_running.tokens.begin() + static_cast<std::ptrdiff_t>(first)));
}

TEST(Engine, ForcedTokensAreFedWhateverTheLogitsSay) {
  const auto model = MakeTestModel(3);
  SequenceRequest request{.prompt = TestPrompt(20, 1), .method = MakeClean("full", {}), .max_new_tokens = 10};
  const auto free_running = Generate(model, {.threads = 1}, {request}).at(0);
  request.forced = free_running.tokens;
  EXPECT_EQ(Generate(model, {.threads = 1}, {request}).at(0).tokens, free_running.tokens);
  request.forced = {1, 2, 3};
  const auto forced = Generate(model, {.threads = 1}, {request}).at(0);
  EXPECT_EQ(forced.tokens.size(), 4u);
  EXPECT_EQ(forced.tokens[0], free_running.tokens[0]);
}

TEST(Engine, RefusesRequestsThatCannotRunBeforeAnythingRuns) {
  const auto model = MakeTestModel(3);
  auto engine = Engine::Create(model, {.threads = 1});
  ASSERT_TRUE(engine.ok());
  const SequenceRequest good{.prompt = {1, 2}, .method = MakeClean("full", {}), .max_new_tokens = 4};
  int finished = 0;
  EngineCallbacks callbacks;
  callbacks.finished = [&](size_t, SequenceResult) { ++finished; };
  const auto error = [&](SequenceRequest bad) {
    const absl::Status status = (*engine)->Generate({good, bad}, callbacks);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  SequenceRequest bad = good;
  bad.prompt = {};
  EXPECT_THAT(error(bad), HasSubstr("request 1: the prompt is empty"));
  bad.prompt = {1, 50};
  EXPECT_THAT(error(bad), HasSubstr("token id: expected 0 to 49, found 50"));
  bad.prompt = {-1};
  EXPECT_THAT(error(bad), HasSubstr("found -1"));
  bad.prompt = TestPrompt(4096, 1);
  EXPECT_THAT(error(bad), HasSubstr("more than the model's 4096"));
  bad = good;
  bad.max_new_tokens = 0;
  EXPECT_THAT(error(bad), HasSubstr("max_new_tokens"));
  bad = good;
  bad.forced = {99};
  EXPECT_THAT(error(bad), HasSubstr("forced token id"));
  EXPECT_EQ(finished, 0);
}

TEST(Engine, RefusesOptionsOutOfRange) {
  const auto model = MakeTestModel(3);
  for (const EngineOptions& options : {EngineOptions{.threads = -1}, EngineOptions{.batch = 0}}) {
    EXPECT_EQ(Engine::Create(model, options).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(Engine::Create(MakeTestModel(1, {.head_dim = 12}), {}).status().code(),
            absl::StatusCode::kUnimplemented);
}

// A model whose output is not finite: the sequence fails, says so, and its neighbours in the batch go on.
TEST(Engine, LogitsThatAreNotFiniteEndOneSequenceOnly) {
  auto model = std::make_shared<Model>(*MakeTestModel(3));
  std::vector<float> embedding(50 * 32, 0.1f);
  for (size_t i = 0; i < 32; ++i) embedding[7 * 32 + i] = std::nanf("");
  model->embedding.data = reinterpret_cast<const std::byte*>(embedding.data());
  const Method method = MakeClean("full", {});
  const std::vector<SequenceRequest> requests = {
      {.prompt = {1, 7, 2}, .method = method, .max_new_tokens = 5},
      {.prompt = {1, 2, 3}, .method = method, .max_new_tokens = 5}};
  const auto results = Generate(model, {.threads = 1, .batch = 2}, requests);
  EXPECT_EQ(results.at(0).finish, Finish::kError);
  EXPECT_THAT(results.at(0).error, HasSubstr("logits of new token 0 are not finite"));
  EXPECT_EQ(results.at(1).finish, Finish::kLength);
  EXPECT_EQ(results.at(1).tokens.size(), 5u);
}

TEST(Engine, CancelsBetweenSteps) {
  auto engine = Engine::Create(MakeTestModel(3), {.threads = 1});
  ASSERT_TRUE(engine.ok());
  int new_tokens = 0, finished = 0;
  EngineCallbacks callbacks;
  callbacks.progress = [&](size_t, int, int tokens) { new_tokens = tokens; };
  callbacks.finished = [&](size_t, SequenceResult) { ++finished; };
  callbacks.cancelled = [&] { return new_tokens >= 3; };
  const SequenceRequest request{.prompt = {1, 2}, .method = MakeClean("full", {}), .max_new_tokens = 100};
  EXPECT_EQ((*engine)->Generate({request}, callbacks).code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(new_tokens, 3);
  EXPECT_EQ(finished, 0);
}

// Published semantics carry counters from prompt to prompt: requests that share them must not overlap.
TEST(Engine, RequestsThatShareCountersRunOneAtATime) {
  const auto model = MakeTestModel(3);
  const Budgets budgets{.prefill = 24, .observation = 4, .window = 16, .recent = 6, .max_new = 48};
  const auto method = MakeMethod("snapkv+adaptive", Semantics::kPublished, budgets);
  ASSERT_TRUE(method.ok());
  const auto run = [&](int batch) {
    auto counters = std::make_shared<PublishedCounters>();
    std::vector<SequenceRequest> requests;
    for (int i = 0; i < 3; ++i) {
      requests.push_back(
          {.prompt = TestPrompt(40, i), .method = *method, .max_new_tokens = 40, .counters = counters});
    }
    const auto results = Generate(model, {.threads = 1, .batch = batch}, requests);
    std::vector<std::vector<int>> tokens;
    for (const SequenceResult& result : results) tokens.push_back(result.tokens);
    return tokens;
  };
  EXPECT_EQ(run(1), run(3));
}

}  // namespace
}  // namespace kvscope
