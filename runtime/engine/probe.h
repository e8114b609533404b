// A look at attention while it happens, for inspection. Costs time only where one is set.
#pragma once

#include <span>

namespace kvscope {

// What one query head attended to in one decode step, before the step's eviction.
struct AttentionSample {
  size_t row = 0;  // of the batch
  int layer = 0;
  int query_head = 0;
  int step = 0;                          // decode steps of the row before this one
  std::span<const int> positions;        // of the cached entries, in no particular order
  std::span<const float> probabilities;  // [positions.size()]; they sum to 1
  std::span<const float> output;         // [head_dim]
};

class AttentionProbe {
 public:
  virtual ~AttentionProbe() = default;

  // Called once for each query head of each layer of each row in each decode step: one call at a time, layers
  // in order, rows and heads of a layer in any order. The spans are valid during the call only.
  virtual void OnAttention(const AttentionSample& sample) = 0;
};

}  // namespace kvscope
