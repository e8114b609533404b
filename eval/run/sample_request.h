// What the engine is asked for a sample.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "eval/run/cell.h"
#include "runtime/engine/engine.h"
#include "runtime/methods/decode_schedule.h"

namespace kvscope {

// `prompt`: index into the cell's prompts.
SequenceRequest MakeRequest(const Cell& cell, size_t prompt);

// For methods whose published code counts on from prompt to prompt: the counters of a fresh process, to be
// shared by a cell's requests. Null for all others.
std::shared_ptr<PublishedCounters> SharedCounters(const Method& method);

// A few tokens of the cell's first prompt, thrown away: caches, pages and clocks as they will be.
absl::Status WarmUp(const Cell& cell, Engine& engine, const std::function<bool()>& cancelled);

}  // namespace kvscope
