// The limit on the memory of caches, the bounds that keep it, and what happens when memory is out all the
// same.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <utility>

#include "runtime/engine/cache_need.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/test_model.h"
#include "runtime/engine/test_requests.h"

namespace {

// Allocations of cache lines, as each page begins with one, that still succeed; negative: all do.
std::atomic<int> allocations_left{-1};

}  // namespace

// Once `allocations_left` is used up, one allocation fails.
void* operator new(size_t bytes, std::align_val_t alignment) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  const auto multiple = static_cast<size_t>(alignment);
  void* memory = std::aligned_alloc(multiple, (bytes + multiple - 1) / multiple * multiple);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }

namespace kvscope {
namespace {

std::vector<SequenceRequest> EveryMethodOver(int prompt_length) {
  std::vector<SequenceRequest> requests;
  for (const Method& method : EveryTestMethod()) {
    requests.push_back({.prompt = TestPrompt(prompt_length, 1), .method = method, .max_new_tokens = 60});
  }
  return requests;
}

size_t LoneNeed(const SequenceRequest& request, const ModelConfig& config) {
  return BytesTogether(CacheNeeds(std::span(&request, 1), config, KvType::kF32));
}

// The bound is met but for one layer of prefill, and exact where budgets do not hang on the model's
// attention.
TEST(CacheNeeds, IsWhatALoneRunTakes) {
  const auto model = MakeTestModel(3);
  const ModelConfig& config = model->config;
  for (const SequenceRequest& request : EveryMethodOver(140)) {
    auto engine = *Engine::Create(model, {.threads = 1});
    ASSERT_EQ(GenerateAll(*engine, {request}).front().finish, Finish::kLength);
    const size_t need = LoneNeed(request, config), peak = engine->cache_bytes_peak();
    EXPECT_LE(peak, need + LayerBytes(config, KvType::kF32, request.prompt.size())) << request.method.Name();
    const Method& method = request.method;
    if (!method.CachesQueryHeads() && method.decode->pyramid_divisor == 0 &&
        method.budgets.head_budget == HeadBudget::kUniform) {
      EXPECT_GE(peak, need) << method.Name();
    }
  }
}

TEST(CacheNeeds, BoundedWindowsAreBoundedHoweverLongTheOutput) {
  const auto model = MakeTestModel(3);
  const ModelConfig& config = model->config;
  const Budgets budgets{.prefill = 40, .observation = 4, .window = 16, .recent = 6, .max_new = 3000};
  const auto need = [&](const char* name, int new_tokens) {
    return LoneNeed({.prompt = TestPrompt(140, 1),
                     .method = TestMethod(name, Semantics::kClean, budgets),
                     .max_new_tokens = new_tokens},
                    config);
  };
  const size_t page_of_all_heads = config.layers * config.kv_heads * PageBytes(KvType::kF32, config.head_dim);
  EXPECT_EQ(need("snapkv+slide", 3000), page_of_all_heads) << "40 + 16 + 1";
  EXPECT_EQ(need("full+slide", 3000), 3 * page_of_all_heads) << "140 + 16 + 1";
  EXPECT_EQ(need("full", 3000), 50 * page_of_all_heads) << "139 + 3000";
}

// Every batch, thread count and limit: the results are those without a limit, or the refusal of what does not
// fit even alone.
TEST(EngineMemory, TheLimitIsNeverExceededAndChangesNoResult) {
  const auto model = MakeTestModel(3);
  const ModelConfig& config = model->config;
  const std::vector<SequenceRequest> requests = EveryMethodOver(140);
  const auto unlimited = GenerateAll(**Engine::Create(model, {.threads = 2, .batch = 16}), requests);
  std::vector<size_t> lone;
  for (const SequenceRequest& request : requests) {
    lone.push_back(LoneNeed(request, config) + LayerBytes(config, KvType::kF32, request.prompt.size()));
  }
  const size_t most = *std::max_element(lone.begin(), lone.end());
  for (const size_t limit : {most / 2, most, 5 * most}) {
    for (const auto& [threads, batch] : {std::pair(1, 5), std::pair(3, 64)}) {
      SCOPED_TRACE("limit " + std::to_string(limit) + ", batch " + std::to_string(batch));
      auto engine = *Engine::Create(model, {.threads = threads, .batch = batch, .cache_bytes = limit});
      const auto results = GenerateAll(*engine, requests);
      EXPECT_LE(engine->cache_bytes_peak(), limit);
      for (size_t i = 0; i < requests.size(); ++i) {
        if (lone[i] > limit) {
          EXPECT_EQ(results[i].finish, Finish::kError);
          EXPECT_EQ(results[i].error, "the cache may come to " + std::to_string(lone[i]) +
                                          " bytes, more than the " + std::to_string(limit) +
                                          " that are allowed");
        } else {
          EXPECT_EQ(results[i].tokens, unlimited[i].tokens) << requests[i].method.Name();
          EXPECT_EQ(results[i].finish, unlimited[i].finish) << results[i].error;
          EXPECT_EQ(results[i].kv, unlimited[i].kv) << requests[i].method.Name();
        }
      }
    }
  }
}

// Four methods that share the prompt's two pages need six, not twelve: with room for seven and a layer they
// run together.
TEST(EngineMemory, SharedPagesCountOnce) {
  const auto model = MakeTestModel(3);
  const ModelConfig& config = model->config;
  const std::vector<SequenceRequest> requests = ProtectedPromptRequests();
  const size_t page_of_all_heads = config.layers * config.kv_heads * PageBytes(KvType::kF32, config.head_dim);
  EXPECT_EQ(BytesTogether(CacheNeeds(requests, config, KvType::kF32)), 6 * page_of_all_heads);
  auto engine = *Engine::Create(model, {.threads = 1, .batch = 4, .cache_bytes = 7 * page_of_all_heads});
  GenerateAll(*engine, requests);
  EXPECT_EQ(engine->cache_bytes_peak(), 6 * page_of_all_heads);
}

class OutOfMemory : public testing::Test {
 protected:
  void TearDown() override { allocations_left = -1; }

  std::vector<SequenceRequest> Requests() const {
    const Budgets budgets{.prefill = 40, .observation = 4, .window = 80, .recent = 6, .max_new = 100};
    std::vector<SequenceRequest> requests;
    for (const char* name : {"full", "h2o+h2o", "snapkv+slide", "streamingllm+slm"}) {
      requests.push_back({.prompt = TestPrompt(70, 1),
                          .method = TestMethod(name, Semantics::kClean, budgets),
                          .max_new_tokens = 100});
    }
    return requests;
  }
  std::shared_ptr<const Model> model_ = MakeTestModel(3);
};

// An allocation of the common prefill fails once: each request is prefilled by itself, and all go through.
TEST_F(OutOfMemory, InACommonPrefillEachRequestGetsItsOwn) {
  const std::vector<SequenceRequest> requests = Requests();
  const auto expected = GenerateAll(**Engine::Create(model_, {.threads = 1, .batch = 4}), requests);
  for (int allocation : {1, 8, 16, 24}) {
    auto engine = *Engine::Create(model_, {.threads = 1, .batch = 4});
    allocations_left = allocation;
    const auto results = GenerateAll(*engine, requests);
    EXPECT_LT(allocations_left, 0) << "the failure happened";
    for (size_t i = 0; i < requests.size(); ++i) EXPECT_EQ(results[i].tokens, expected[i].tokens);
  }
}

// A row that gets no page ends with an error; its neighbours go on as if nothing had been.
TEST_F(OutOfMemory, InDecodingOnlyTheRowThatWantsAPageFails) {
  const std::vector<SequenceRequest> requests = Requests();
  auto engine = *Engine::Create(model_, {.threads = 2, .batch = 4});
  const auto expected = GenerateAll(*engine, requests);
  // The rows' second and third pages come long after prefill: the last tokens told are of decoding.
  std::vector<SequenceResult> results(requests.size());
  EngineCallbacks callbacks;
  callbacks.progress = [&](size_t, int, int new_tokens) {
    if (new_tokens == 20) allocations_left = 0;
  };
  callbacks.finished = [&](size_t i, SequenceResult result) { results[i] = std::move(result); };
  ASSERT_TRUE(engine->Generate(requests, callbacks).ok());
  int failed = 0;
  for (size_t i = 0; i < requests.size(); ++i) {
    if (results[i].finish == Finish::kError) {
      ++failed;
      EXPECT_EQ(results[i].error, "out of memory while decoding");
      EXPECT_GE(results[i].tokens.size(), 20u);
    } else {
      EXPECT_EQ(results[i].tokens, expected[i].tokens);
    }
  }
  EXPECT_EQ(failed, 1);
}

}  // namespace
}  // namespace kvscope
