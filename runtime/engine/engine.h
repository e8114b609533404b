// Batched greedy generation under KV-cache compression. Rows of a batch are independent sequences, each with
// a method of its own; what a row generates does not depend on the batch, the number of threads or its
// neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "runtime/methods/method.h"
#include "runtime/model/model.h"

namespace kvscope {

// Element type of cached keys and values.
enum class KvType { kF32, kF16, kBF16 };

struct EngineOptions {
  int threads = 0;  // 0: one a core
  int batch = 1;    // sequences decoded together
  KvType kv = KvType::kF32;
};

struct SequenceRequest {
  std::vector<int> prompt;  // token ids, BOS included where the model wants one
  Method method;
  int max_new_tokens = 0;
  std::vector<int> stop_ids;  // any of them ends the sequence; it is not part of the output
  std::vector<int> forced;    // teacher forcing: step t is fed forced[t] whatever the logits say
};

enum class Finish { kEos, kLength, kError };

// Memory of one sequence's cache. A slot holds one token's key and value of one KV head in one layer.
struct KvUse {
  size_t peak_bytes = 0;  // slots in use x head_dim x 2 x element size, largest over the steps
  size_t end_bytes = 0;   // the same after the last step
  double decode_mean_bytes =
      0;  // the same, mean over decode steps (as attended to, before the step's eviction)
  size_t allocated_bytes = 0;  // what the allocator held at its largest: slots come in pages
  size_t score_bytes = 0;      // scores that the method keeps beside the cache, at their largest
  std::vector<int>
      tokens_by_layer;  // [layers]: largest number of tokens a head of that layer held while decoding
  // [layers]: what the method was entitled to after evicting; -1: no limit. A step attends to one token more.
  std::vector<int> requested_tokens;
  uint64_t evictions = 0;  // slots given up, prefill and decoding, over all layers and KV heads
};

struct SequenceTimes {
  double prefill_s = 0;        // exact prefill: embedding to first token, compression left out
  double compress_s = 0;       // scores and compression of the prompt's cache
  double decode_s = 0;         // all decode steps
  double select_s = 0;         // of decode_s: selection and eviction
  std::vector<double> step_s;  // each decode step
};

struct SequenceResult {
  std::vector<int> tokens;
  Finish finish = Finish::kLength;
  std::string error;  // why finish is kError
  KvUse kv;
  SequenceTimes times;  // meaningful only where the sequence ran alone (batch 1)
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
  ~Engine();

  // Runs every request, `options.batch` at a time. InvalidArgument before anything runs when a request
  // cannot: an empty prompt, a token outside the vocabulary, prompt and new tokens beyond the model's
  // positions. A sequence that fails (NaN or Inf logits, memory) finishes with kError; the others go on.
  absl::Status Generate(const std::vector<SequenceRequest>& requests, const EngineCallbacks& callbacks);

 private:
  struct Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace kvscope
