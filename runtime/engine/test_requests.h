// Prompts and runs for tests of the engine.
#pragma once

#include <string>
#include <vector>

#include "runtime/engine/engine.h"

namespace kvscope {

// Token ids below `vocab`, the same for the same seed.
std::vector<int> TestPrompt(int length, int seed, int vocab = 50);

Method TestMethod(const std::string& name, Semantics semantics, const Budgets& budgets);

// Every registered policy in every semantics that it has, and every way to share budgets and caches out over
// heads; several observation windows and budgets.
std::vector<Method> EveryTestMethod();

// A prompt of 128 tokens, two pages, under four methods that never evict from it.
std::vector<SequenceRequest> ProtectedPromptRequests();

// Results by request. A test fails when the call does, or a request does not finish exactly once.
std::vector<SequenceResult> GenerateAll(Engine& engine, const std::vector<SequenceRequest>& requests);

// The same, each request in a call of its own.
std::vector<SequenceResult> GenerateOneByOne(Engine& engine, const std::vector<SequenceRequest>& requests);

}  // namespace kvscope
