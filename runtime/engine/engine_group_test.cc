// Requests with one prompt are prefilled together and share memory. What each of them gives must be what it
// gives alone.
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "runtime/cpu/cpu_backend.h"
#include "runtime/engine/backend.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/test_model.h"
#include "runtime/engine/test_requests.h"

namespace kvscope {
namespace {

std::vector<SequenceRequest> RequestsOverPrompts(const std::vector<int>& prompt_lengths) {
  std::vector<SequenceRequest> requests;
  for (int length : prompt_lengths) {
    for (const Method& method : EveryTestMethod()) {
      requests.push_back({.prompt = TestPrompt(length, length), .method = method, .max_new_tokens = 34});
    }
  }
  return requests;
}

void ExpectSame(const std::vector<SequenceResult>& results, const std::vector<SequenceResult>& alone,
                const std::vector<SequenceRequest>& requests) {
  for (size_t i = 0; i < requests.size(); ++i) {
    const Method& method = requests[i].method;
    SCOPED_TRACE("request " + std::to_string(i) + ", " + method.Name() +
                 (method.semantics == Semantics::kPublished ? ", published" : ", clean"));
    EXPECT_EQ(results[i].tokens, alone[i].tokens);
    EXPECT_EQ(results[i].finish, alone[i].finish);
    EXPECT_EQ(results[i].error, alone[i].error);
    EXPECT_EQ(results[i].kv, alone[i].kv);
  }
}

// Prompts below every budget, too short for published pyramidinfer only, and of more than two pages.
TEST(EngineGroup, EveryMethodGivesWhatItGivesAlone) {
  const auto model = MakeTestModel(3);
  const std::vector<SequenceRequest> requests = RequestsOverPrompts({25, 42, 140});
  const auto alone = GenerateOneByOne(**Engine::Create(model, {.threads = 1}), requests);
  int errors = 0;
  for (const SequenceResult& result : alone) errors += result.finish == Finish::kError;
  EXPECT_EQ(errors, 3) << "published pyramidinfer, with three decode policies";
  for (const EngineOptions& options :
       {EngineOptions{.threads = 1, .batch = 200}, EngineOptions{.threads = 3, .batch = 16},
        EngineOptions{.threads = 2, .batch = 5}, EngineOptions{.threads = 3, .batch = 1}}) {
    SCOPED_TRACE("threads " + std::to_string(options.threads) + ", batch " + std::to_string(options.batch));
    ExpectSame(GenerateAll(**Engine::Create(model, options), requests), alone, requests);
  }
}

TEST(EngineGroup, NarrowCachesAreSharedTheSame) {
  const auto model = MakeTestModel(5);
  const std::vector<SequenceRequest> requests = RequestsOverPrompts({90});
  for (KvType kv : {KvType::kF16, KvType::kBF16}) {
    const auto alone = GenerateOneByOne(**Engine::Create(model, {.threads = 1, .kv = kv}), requests);
    ExpectSame(GenerateAll(**Engine::Create(model, {.threads = 2, .batch = 100, .kv = kv}), requests), alone,
               requests);
  }
}

// Same entries in every head after prefill and after each step, and the same logits to the bit.
TEST(EngineGroup, KeptSetsAndLogitsAreThoseOfALoneRun) {
  const auto model = MakeTestModel(7);
  const ModelConfig& config = model->config;
  const std::vector<int> prompt = TestPrompt(140, 1), forced = TestPrompt(30, 2);
  const std::vector<Method> methods = EveryTestMethod();
  auto backend = *MakeCpuBackend(model, Precision::kF32, KvType::kF32, 3);
  std::vector<PublishedCounters> counters(methods.size());
  PrefillRequest request{.prompt = prompt};
  for (size_t i = 0; i < methods.size(); ++i) request.rows.push_back({methods[i], &counters[i]});
  std::vector<float> logits(methods.size() * config.vocab);
  PrefillResult group = *backend->Prefill(request, std::span(logits).first(config.vocab));
  std::vector<BackendSequence*> rows;
  for (const auto& row : group) {
    ASSERT_TRUE(row.ok()) << row.status();
    rows.push_back(row->get());
  }
  // Positions by layer and head.
  const auto all_rows = [&](const BackendSequence& row, const Method& method) {
    std::vector<std::vector<int>> positions;
    for (uint32_t l = 0; l < config.layers; ++l) {
      const size_t heads = method.CachesQueryHeads() ? config.heads : config.kv_heads;
      for (size_t h = 0; h < heads; ++h) {
        positions.push_back(row.Rows(static_cast<int>(l), static_cast<int>(h)));
      }
    }
    return positions;
  };
  std::vector<std::vector<std::vector<std::vector<int>>>> expected(methods.size());  // [rows][steps + 1]
  std::vector<std::vector<std::vector<float>>> expected_logits(methods.size());
  for (size_t i = 0; i < methods.size(); ++i) {
    auto lone = *MakeCpuBackend(model, Precision::kF32, KvType::kF32, 1);
    std::vector<float> row_logits(config.vocab);
    PublishedCounters lone_counters;
    auto sequence = PrefillOne(*lone, {.prompt = prompt, .rows = {{methods[i], &lone_counters}}}, row_logits);
    ASSERT_TRUE(sequence.ok());
    EXPECT_TRUE(std::ranges::equal(row_logits, std::span(logits).first(config.vocab)));
    expected[i].push_back(all_rows(**sequence, methods[i]));
    for (const int& token : forced) {
      BackendSequence* const one[] = {sequence->get()};
      ASSERT_TRUE(lone->Decode(one, std::span(&token, 1), row_logits).ok());
      expected[i].push_back(all_rows(**sequence, methods[i]));
      expected_logits[i].push_back(row_logits);
    }
  }
  for (size_t step = 0;; ++step) {
    for (size_t i = 0; i < methods.size(); ++i) {
      ASSERT_EQ(all_rows(*rows[i], methods[i]), expected[i][step])
          << methods[i].Name() << ", before step " << step;
    }
    if (step == forced.size()) break;
    ASSERT_TRUE(backend->Decode(rows, std::vector<int>(rows.size(), forced[step]), logits).ok());
    for (size_t i = 0; i < methods.size(); ++i) {
      ASSERT_TRUE(std::ranges::equal(std::span(logits).subspan(i * config.vocab, config.vocab),
                                     expected_logits[i][step]))
          << methods[i].Name() << ", step " << step;
    }
  }
}

// 128 prompt tokens are two pages: shared for good by methods that do not evict from them. Each row's output
// lies in a page of its own.
TEST(EngineGroup, ProtectedPromptsAreInMemoryOnce) {
  const auto model = MakeTestModel(3);
  const ModelConfig& c = model->config;
  const std::vector<SequenceRequest> requests = ProtectedPromptRequests();
  auto engine = *Engine::Create(model, {.threads = 2, .batch = 4});
  GenerateAll(*engine, requests);
  const size_t page_of_all_heads = c.layers * c.kv_heads * PageBytes(KvType::kF32, c.head_dim);
  EXPECT_EQ(engine->cache_bytes_peak(), (2 + 4) * page_of_all_heads);
}

// The same selection, although the windows of decoding differ.
TEST(EngineGroup, EqualSelectionsAreInMemoryOnce) {
  const auto model = MakeTestModel(3);
  const ModelConfig& c = model->config;
  std::vector<SequenceRequest> requests;
  for (int window : {16, 24, 32}) {
    const Budgets budgets{.prefill = 64, .observation = 4, .window = window, .recent = 6, .max_new = 40};
    requests.push_back({.prompt = TestPrompt(128, 1),
                        .method = TestMethod("snapkv+slide", Semantics::kClean, budgets),
                        .max_new_tokens = 40});
  }
  auto engine = *Engine::Create(model, {.threads = 2, .batch = 3});
  GenerateAll(*engine, requests);
  const size_t page_of_a_layer = c.kv_heads * PageBytes(KvType::kF32, c.head_dim);
  EXPECT_EQ(engine->cache_bytes_peak(), (1 + 3) * c.layers * page_of_a_layer);
}

// One prefill tells all of its requests how far it is before it goes on.
TEST(EngineGroup, APromptIsPrefilledOnce) {
  const auto model = MakeTestModel(3);
  std::vector<SequenceRequest> requests;
  for (const char* name : {"full", "h2o", "snapkv"}) {
    requests.push_back({.prompt = TestPrompt(30, 1),
                        .method = TestMethod(name, Semantics::kClean, {.prefill = 20}),
                        .max_new_tokens = 1});
  }
  std::vector<std::pair<size_t, int>> told;
  EngineCallbacks callbacks;
  callbacks.progress = [&](size_t request, int prompt_tokens, int) {
    told.emplace_back(request, prompt_tokens);
  };
  auto engine = *Engine::Create(model, {.threads = 1, .batch = 3});
  ASSERT_TRUE(engine->Generate(requests, callbacks).ok());
  std::vector<std::pair<size_t, int>> expected;
  for (int layer = 1; layer <= 3; ++layer) {
    for (size_t request = 0; request < 3; ++request) expected.emplace_back(request, 10 * layer);
  }
  EXPECT_EQ(told, expected);
}

// Requests with counters of their own may share a prefill; those that share counters run one after another.
TEST(EngineGroup, CountersAreKeptApart) {
  const auto model = MakeTestModel(3);
  const Budgets budgets{.prefill = 24, .observation = 4, .window = 16, .recent = 6, .max_new = 48};
  const Method method = TestMethod("snapkv+discontinuous", Semantics::kPublished, budgets);
  const auto run = [&](int batch) {
    std::vector<std::shared_ptr<PublishedCounters>> processes = {std::make_shared<PublishedCounters>(),
                                                                 std::make_shared<PublishedCounters>()};
    std::vector<SequenceRequest> requests;
    for (int process : {0, 1, 0, 0, 1}) {
      requests.push_back({.prompt = TestPrompt(40, 1),
                          .method = method,
                          .max_new_tokens = 40,
                          .counters = processes[static_cast<size_t>(process)]});
    }
    return GenerateAll(**Engine::Create(model, {.threads = 1, .batch = batch}), requests);
  };
  const auto alone = run(1), together = run(5);
  for (size_t i = 0; i < alone.size(); ++i) {
    EXPECT_EQ(together[i].tokens, alone[i].tokens) << "request " << i;
    EXPECT_EQ(together[i].kv, alone[i].kv) << "request " << i;
  }
}

}  // namespace
}  // namespace kvscope
