// Prompts and runs for tests of the engine.
#pragma once

#include <vector>

#include "runtime/engine/engine.h"

namespace kvscope {

// Token ids below `vocab`, the same for the same seed.
std::vector<int> TestPrompt(int length, int seed, int vocab = 50);

// Results by request. A test fails when the call does, or a request does not finish exactly once.
std::vector<SequenceResult> GenerateAll(Engine& engine, const std::vector<SequenceRequest>& requests);

}  // namespace kvscope
