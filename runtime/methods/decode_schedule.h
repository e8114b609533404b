// When a decode policy selects, and among what: the arithmetic of budgets and steps, without scores.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/methods/method.h"

namespace kvscope {

// The published code's class attributes. They live as long as its process, so some policies see what earlier
// prompts left there.
struct PublishedCounters {
  int64_t step = 0;        // layer calls of growing policies
  int64_t jump = 0;        // layer calls over budget since the last compression
  int64_t jump_layer = 0;  // layer calls of the compression under way
};

// What to do with one layer after a step's attention. Entries stand in row order: that of arrival in clean
// semantics, that of the published code's tensors in published ones.
struct Selection {
  bool due = false;
  int first = 0;   // this many entries, first in row order, are no candidates
  int recent = 0;  // nor are this many, last in row order
  int keep = 0;    // candidates that stay; the others are evicted
};

class DecodeSchedule {
 public:
  // `prompt`: P; `kept`: entries that prefill left in each head, [layers]. `spread`: how a layer's window is
  // shared out, [layers][heads], each layer's positive; empty: evenly. `counters` are used in published
  // semantics only, and reset here where the policy resets them; they must outlive the schedule.
  DecodeSchedule(const Method& method, int prompt, std::vector<int> kept, size_t heads,
                 const std::vector<std::vector<double>>& spread, PublishedCounters* counters);

  // To be called once for each head of each layer in order, for steps 0, 1, ...; `length`: entries of that
  // head, the new one included.
  Selection Next(int layer, int head, int step, int length);

  static constexpr int kUnlimited = std::numeric_limits<int>::max();

  // Entries that a head may hold after the selection of `step`. Periodic policies may exceed
  // their window by the steps between two selections; that is part of what they ask for.
  int Limit(int layer, int head, int step) const;

 private:
  int Delta() const;
  int Window(int step) const;
  int CleanBase(int layer) const;
  int CleanBudget(int layer, int head, int step) const;
  Selection NextClean(int layer, int head, int step, int length);
  Selection NextPublished(int layer, int length);
  int PublishedKeep(int layer, int length) const;

  Method method_;
  int prompt_;
  std::vector<int> kept_;  // [layers]
  size_t heads_;
  std::vector<std::vector<double>>
      cumulative_;  // [layers][heads + 1]: parts of a layer's window; empty: even
  std::vector<std::vector<int>>
      last_selection_;  // [layers][heads], clean periodic policies; kNever before the first
  PublishedCounters* counters_;
  Selection published_;  // of the current layer: all its heads do the same
};

}  // namespace kvscope
