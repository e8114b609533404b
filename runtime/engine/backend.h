// What a device must do for the engine: prefill one prompt under a method, and advance a batch of sequences
// by a token.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/kv_use.h"
#include "runtime/engine/probe.h"
#include "runtime/methods/decode_schedule.h"
#include "runtime/methods/method.h"

namespace kvscope {

// One sequence's cache and counters on a device. Made by Backend::Prefill, advanced by Backend::Decode.
class BackendSequence {
 public:
  virtual ~BackendSequence() = default;

  virtual KvUse kv() const = 0;
  virtual PhaseTimes times() const = 0;

  // Positions cached by one head of one layer, in row order. Heads are KV heads in clean semantics, query
  // heads in published ones. For traces and tests: slow.
  virtual std::vector<int> Rows(int layer, int head) const = 0;

  // Most tokens that the head may hold after the last step's eviction; -1: no limit.
  virtual int Limit(int layer, int head) const = 0;
};

struct PrefillRequest {
  std::span<const int> prompt;  // token ids, at least one
  Method method;
  PublishedCounters* counters = nullptr;  // published semantics: must outlive the sequence
  std::function<void(int tokens_done)> progress;
  std::function<bool()> cancelled;
};

class Backend {
 public:
  virtual ~Backend() = default;

  // Exact attention over the whole prompt, then the prefill policy. `logits`: [vocab], out: those after the
  // last token. Cancelled when `cancelled` said so. FailedPrecondition: the method cannot run on this prompt.
  virtual absl::StatusOr<std::unique_ptr<BackendSequence>> Prefill(const PrefillRequest& request,
                                                                   std::span<float> logits) = 0;

  // Feeds one token to each row and evicts by its method. `logits`: [rows, vocab], out.
  virtual absl::Status Decode(std::span<BackendSequence* const> rows, std::span<const int> tokens,
                              std::span<float> logits) = 0;

  // From now on every decode step is shown to `probe`, which must outlive its use; null: no longer.
  virtual void SetProbe(AttentionProbe* probe) = 0;

  // Bytes of working memory besides weights and caches, at their largest so far.
  virtual size_t scratch_bytes() const = 0;
};

}  // namespace kvscope
