// What the engine is asked for a sample.
#pragma once

#include <cstddef>

#include "eval/run/cell.h"
#include "runtime/engine/engine.h"

namespace kvscope {

// `prompt`: index into the cell's prompts.
SequenceRequest MakeRequest(const Cell& cell, size_t prompt);

// A few tokens of the cell's first prompt, thrown away: caches, pages and clocks as they will be.
absl::Status WarmUp(const Cell& cell, Engine& engine, const std::function<bool()>& cancelled);

}  // namespace kvscope
