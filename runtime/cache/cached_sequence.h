// A sequence of a backend that keeps its caches in this room, wherever their pages are: caches, schedule, and
// the account of what they took.
#pragma once

#include <memory>
#include <vector>

#include "runtime/cache/head_cache.h"
#include "runtime/engine/backend.h"

namespace kvscope {

class CachedSequence : public BackendSequence {
 public:
  // What a backend keeps with a sequence besides its caches.
  class Extra {
   public:
    virtual ~Extra() = default;
  };

  explicit CachedSequence(const Method& with_method) : method(with_method) {}

  absl::Status status() const override { return failure; }
  KvUse kv() const override { return use; }
  PhaseTimes times() const override { return phases; }
  std::vector<int> Rows(int layer, int head) const override;
  int Limit(int layer, int head) const override;

  HeadCache& cache(size_t layer, size_t head) { return layers[layer][head]; }

  // Prefill is done: the caches are what it left.
  void BeginDecoding(PublishedCounters* counters, int prompt_tokens);

  // The current step attends to `length` entries in a head of that layer.
  void AccountAttended(size_t layer, size_t length);

  // After the last layer of a step. Fails with Internal when a head holds more than the method's limit: a
  // fault in a policy.
  void EndStep(double step_s);

  Method method;
  absl::Status failure;
  std::vector<std::vector<HeadCache>> layers;  // [layers][cached heads]
  std::vector<size_t> prompt_entries;       // [layers]: what prefill left in each head; set by BeginDecoding
  std::vector<std::vector<double>> spread;  // [layers][cached heads], where heads' budgets differ; else empty
  std::unique_ptr<DecodeSchedule> schedule;  // set by BeginDecoding
  int position = 0;                          // of the next token
  int step = 0;                              // decode steps done
  KvUse use;
  PhaseTimes phases;
  std::unique_ptr<Extra> extra;

 private:
  size_t BytesInUse() const;

  std::unique_ptr<PublishedCounters> own_counters_;
  size_t step_bytes_ = 0;          // attended to in the current step so far
  size_t attended_bytes_sum_ = 0;  // over the steps
};

}  // namespace kvscope
