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

}  // namespace kvscope
