// Attention of one decode step in one layer, over the caches of all rows.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "kernels/cpu/thread_pool.h"
#include "kernels/precision.h"
#include "runtime/cache/head_cache.h"
#include "runtime/methods/method.h"

namespace kvscope {

// One row's work for one cached head.
struct DecodeHead {
  HeadCache* cache = nullptr;  // in which the step's entry is reserved
  int new_slot = 0;
  const float* key = nullptr;        // of the step's entry, [head_dim]
  const float* value = nullptr;      // likewise
  size_t group = 0;                  // query heads
  const float* q = nullptr;          // [group, head_dim], rotated
  float* out = nullptr;              // [group, head_dim]
  bool keeps_probabilities = false;  // Probabilities will be asked for
  const float* direction = nullptr;  // [head_dim]: KeyProducts will be asked for; or null
};

class DecodeAttention {
 public:
  using Done = std::function<void(size_t head, int thread)>;

  virtual ~DecodeAttention() = default;

  // Writes each head's new entry and attends. `done` is called for each head once it has, one call a thread
  // at a time. What a head gets depends neither on threads nor on other heads. Heads that share pages are
  // best neighbours: what they share is then read from memory once.
  virtual void Run(std::span<DecodeHead> heads, const Done& done) = 0;

  // Inside `done`, for its head: of each slot from `first` on, the probabilities that `queries` of the
  // group's query heads from `first_query` on give it, combined. scores: [PaddedSlots(cache size)]; those
  // before `first` are unspecified.
  virtual void Probabilities(size_t head, size_t first_query, size_t queries, GroupScore how, size_t first,
                             float* scores) const = 0;

  // Likewise, for a head with a direction: its product with each slot's key, [PaddedSlots(cache size)].
  virtual const float* KeyProducts(size_t head) const = 0;

  virtual size_t scratch_bytes() const = 0;
};

// `pool` must outlive it.
std::unique_ptr<DecodeAttention> MakeDecodeAttention(Precision precision, size_t head_dim, ThreadPool& pool);

}  // namespace kvscope
