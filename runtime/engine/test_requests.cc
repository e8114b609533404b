#include "runtime/engine/test_requests.h"

#include <gtest/gtest.h>

#include <utility>

namespace kvscope {

std::vector<int> TestPrompt(int length, int seed, int vocab) {
  std::vector<int> prompt;
  uint32_t state = static_cast<uint32_t>(seed) * 2654435761u + 1;
  for (int i = 0; i < length; ++i) {
    state = state * 1664525u + 1013904223u;
    prompt.push_back(static_cast<int>((state >> 16) % static_cast<uint32_t>(vocab)));
  }
  return prompt;
}

Method TestMethod(const std::string& name, Semantics semantics, const Budgets& budgets) {
  const auto method = MakeMethod(name, semantics, budgets);
  EXPECT_TRUE(method.ok()) << method.status();
  return *method;
}

std::vector<Method> EveryTestMethod() {
  const Budgets plain{.prefill = 40, .observation = 4, .window = 16, .recent = 6, .max_new = 48};
  std::vector<Method> methods;
  for (Semantics semantics : {Semantics::kClean, Semantics::kPublished}) {
    const auto has = [&](const auto* policy) {
      return semantics == Semantics::kClean || !policy->clean_only;
    };
    for (const PrefillPolicy* prefill : PrefillPolicies()) {
      if (!has(prefill)) continue;
      methods.push_back(TestMethod(std::string(prefill->name), semantics, plain));
      methods.push_back(TestMethod(std::string(prefill->name) + "+slide", semantics, plain));
      methods.push_back(TestMethod(std::string(prefill->name) + "+h2o", semantics, plain));
    }
    for (const DecodePolicy* decode : DecodePolicies()) {
      if (!has(decode)) continue;
      methods.push_back(TestMethod("full+" + std::string(decode->name), semantics, plain));
      methods.push_back(TestMethod("snapkv+" + std::string(decode->name), semantics, plain));
    }
  }
  const auto with = [&](const std::string& name, auto change) {
    Budgets budgets = plain;
    change(budgets);
    methods.push_back(TestMethod(name, Semantics::kClean, budgets));
  };
  with("h2o+h2o", [](Budgets& b) { b.group_score = GroupScore::kMax; });
  with("snapkv+slide", [](Budgets& b) { b.group_score = GroupScore::kSum; });
  with("snapkv+slide", [](Budgets& b) { b.observation = 9; });
  with("snapkv+slide", [](Budgets& b) { b.window = 10; });
  with("h2o+slide", [](Budgets& b) { b.prefill = 30; });
  with("full+slide", [](Budgets& b) { b.per_query_head = true; });
  with("h2o+h2o", [](Budgets& b) { b.per_query_head = true; });
  with("snapkv+slide", [](Budgets& b) { b.head_budget = HeadBudget::kConcentration; });
  with("streamingllm+h2o", [](Budgets& b) { b.head_budget = HeadBudget::kConcentration; });
  return methods;
}

std::vector<SequenceRequest> ProtectedPromptRequests() {
  const Budgets budgets{.window = 16, .recent = 6, .max_new = 40};
  std::vector<SequenceRequest> requests;
  for (const char* name : {"full", "full+slide", "full+adaptive", "full+discontinuous"}) {
    requests.push_back({.prompt = TestPrompt(128, 1),
                        .method = TestMethod(name, Semantics::kClean, budgets),
                        .max_new_tokens = 40});
  }
  return requests;
}

std::vector<SequenceResult> GenerateAll(Engine& engine, const std::vector<SequenceRequest>& requests) {
  std::vector<SequenceResult> results(requests.size());
  std::vector<int> finished(requests.size());
  EngineCallbacks callbacks;
  callbacks.finished = [&](size_t i, SequenceResult result) {
    results[i] = std::move(result);
    ++finished[i];
  };
  const absl::Status status = engine.Generate(requests, callbacks);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(finished, std::vector<int>(requests.size(), 1));
  return results;
}

std::vector<SequenceResult> GenerateOneByOne(Engine& engine, const std::vector<SequenceRequest>& requests) {
  std::vector<SequenceResult> results;
  for (const SequenceRequest& request : requests) results.push_back(GenerateAll(engine, {request}).front());
  return results;
}

}  // namespace kvscope
