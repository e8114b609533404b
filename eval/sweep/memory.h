// How a worker's memory is shared out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "runtime/model/model.h"

namespace kvscope {

// Bytes that caches may take (EngineOptions::cache_bytes) where the process may take `memory_bytes`: what
// weights, the program itself and an upper estimate of the working memory for prompts of `longest_prompt`
// tokens and `batch` rows leave. ResourceExhausted, naming the least that would do, when nothing is left.
absl::StatusOr<size_t> CacheBytes(uint64_t memory_bytes, const Model& model, size_t batch,
                                  size_t longest_prompt);

}  // namespace kvscope
