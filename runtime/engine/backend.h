// What a device must do for the engine: prefill one prompt under one or several methods, and advance a batch
// of sequences by a token.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/kv_use.h"
#include "runtime/engine/probe.h"
#include "runtime/methods/decode_schedule.h"
#include "runtime/methods/method.h"

namespace kvscope {

// One sequence's cache and counters on a device. Made by Backend::Prefill, advanced by Backend::Decode; must
// not outlive its backend.
class BackendSequence {
 public:
  virtual ~BackendSequence() = default;

  // Why the sequence cannot go on: a decode step failed for it.
  virtual absl::Status status() const = 0;

  virtual KvUse kv() const = 0;
  virtual PhaseTimes times() const = 0;

  // Positions cached by one head of one layer, in row order. Heads are KV heads in clean semantics, query
  // heads in published ones. For traces and tests: slow.
  virtual std::vector<int> Rows(int layer, int head) const = 0;

  // Most tokens that the head may hold after the last step's eviction; -1: no limit.
  virtual int Limit(int layer, int head) const = 0;
};

struct PrefillRow {
  Method method;
  PublishedCounters* counters = nullptr;  // published semantics: must outlive the sequence
};

struct PrefillRequest {
  std::span<const int> prompt;   // token ids, at least one
  std::vector<PrefillRow> rows;  // a sequence each, at least one
  std::function<void(int tokens_done)> progress;
  std::function<bool()> cancelled;
};

// By row. FailedPrecondition: the row's method cannot run on this prompt.
using PrefillResult = std::vector<absl::StatusOr<std::unique_ptr<BackendSequence>>>;

class Backend {
 public:
  virtual ~Backend() = default;

  // Exact attention over the whole prompt, once, then each row's prefill policy. What a row becomes does not
  // depend on the others, but equal entries share memory. `logits`: [vocab], out: those after the last token.
  // Cancelled when `cancelled` said so. Throws std::bad_alloc.
  virtual absl::StatusOr<PrefillResult> Prefill(const PrefillRequest& request, std::span<float> logits) = 0;

  // Feeds one token to each row and evicts by its method. `logits`: [rows, vocab], out. Returns the first
  // error of a row, if any; the rows whose status() is OK have been advanced nevertheless. Throws
  // std::bad_alloc, and leaves all rows in an unknown state, where working memory is wanting.
  virtual absl::Status Decode(std::span<BackendSequence* const> rows, std::span<const int> tokens,
                              std::span<float> logits) = 0;

  // From now on every decode step is shown to `probe`, which must outlive its use; null: no longer.
  virtual void SetProbe(AttentionProbe* probe) = 0;

  // Bytes of working memory besides weights and caches, at their largest so far.
  virtual size_t scratch_bytes() const = 0;

  // Bytes of all caches in memory, entries that sequences share counted once, at their largest so far.
  virtual size_t cache_bytes_peak() const = 0;

  // Bytes that a device of its own has allocated, at their largest so far, by what for ("weights", ...), and
  // of all together ("all"); empty where the device is the host.
  virtual std::map<std::string, size_t> device_bytes_peak() const { return {}; }
};

// Prefill for the only row of `request`.
absl::StatusOr<std::unique_ptr<BackendSequence>> PrefillOne(Backend& backend, const PrefillRequest& request,
                                                            std::span<float> logits);

}  // namespace kvscope
