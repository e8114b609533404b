// Batched greedy generation under KV-cache compression. Rows of a batch are independent sequences, each with
// a method of its own; what a row generates does not depend on the batch, the number of threads or its
// neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/kv_page.h"
#include "kernels/precision.h"
#include "runtime/engine/backend.h"
#include "runtime/engine/kv_use.h"
#include "runtime/methods/decode_schedule.h"
#include "runtime/methods/method.h"
#include "runtime/model/model.h"

namespace kvscope {

struct EngineOptions {
  int threads = 0;  // 0: one a core
  int batch = 1;    // sequences decoded together
  Precision precision = Precision::kF32;
  KvType kv = KvType::kF32;
  // What all caches may take together at any time, memory that sequences share counted once; 0: no limit.
  size_t cache_bytes = 0;
};

struct SequenceRequest {
  std::vector<int> prompt;  // token ids, BOS included where the model wants one
  Method method;
  int max_new_tokens = 0;
  std::vector<int> stop_ids;  // any of them ends the sequence; it is not part of the output
  std::vector<int> forced;    // teacher forcing: step t is fed forced[t] whatever the logits say
  // Published semantics, where some policies carry counters from prompt to prompt: those of the process
  // imitated. Null: a fresh process. Requests that share them run in order, one at a time.
  std::shared_ptr<PublishedCounters> counters;
};

enum class Finish { kEos, kLength, kError };

struct SequenceResult {
  std::vector<int> tokens;
  Finish finish = Finish::kLength;
  std::string error;  // why finish is kError
  KvUse kv;
  PhaseTimes times;  // meaningful only where the sequence ran alone (batch 1)
};

// Called on the engine's own thread. `tokens_done` counts over all rows of the call.
struct EngineCallbacks {
  std::function<void(size_t request, SequenceResult result)> finished;  // as soon as a sequence is complete
  std::function<void(size_t request, int prompt_tokens_done, int new_tokens)> progress;
  std::function<bool()> cancelled;  // polled between steps; true: stop and return Cancelled
};

class Engine {
 public:
  // InvalidArgument: options out of range. ResourceExhausted: memory.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(std::shared_ptr<const Model> model,
                                                        const EngineOptions& options);
  // On another backend than the CPU's. REQUIRES: it was made with the `options` that concern it.
  static absl::StatusOr<std::unique_ptr<Engine>> Create(std::shared_ptr<const Model> model,
                                                        const EngineOptions& options,
                                                        std::unique_ptr<Backend> backend);
  ~Engine();

  // Runs every request, `options.batch` at a time. Requests that follow each other with the same prompt are
  // prefilled once, and share the memory of cache entries that they have in common. InvalidArgument before
  // anything runs when a request cannot: an empty prompt, a token outside the vocabulary, prompt and new
  // tokens beyond the model's positions. A sequence that fails (NaN or Inf logits, memory) finishes with
  // kError; the others go on.
  absl::Status Generate(const std::vector<SequenceRequest>& requests, const EngineCallbacks& callbacks);

  // Working memory besides weights and caches, at its largest so far.
  size_t scratch_bytes() const;

  // Memory of all caches, entries that sequences share counted once, at its largest so far.
  size_t cache_bytes_peak() const;

  // As Backend says.
  std::map<std::string, size_t> device_bytes_peak() const;

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvscope
