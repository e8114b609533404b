// Exact attention of one layer over a whole prompt, with the scores that prefill policies ask for.
#pragma once

#include <vector>

#include "kernels/aligned.h"
#include "runtime/cache/head_cache.h"
#include "runtime/cpu/transformer.h"
#include "runtime/methods/method.h"

namespace kvscope {

// Attention that each position of a prompt received, summed over queries, for one query head or a group of
// them.
using KeyScores = std::vector<float>;  // [P]

class PromptAttention {
 public:
  // Which sums the method needs for a prompt of `prompt` tokens.
  PromptAttention(const Method& method, int prompt);

  // Causal attention of all queries over one layer's caches, [kv_heads], each holding positions 0 .. P-1 in
  // order. q, out: [P, heads * head_dim].
  void Run(Transformer& transformer, std::vector<HeadCache>& caches, const Activations& q, Activations& out);

  // After Run. Scores by which the prefill policy selects for cached head `head` of `heads`; empty where it
  // needs none. A head that several query heads share gets their scores combined as the method says.
  KeyScores PolicyScores(size_t head, size_t heads) const;

  // After Run. Attention summed over all of the prompt's queries: what a decode policy that accumulates
  // starts from. Empty where it needs none.
  KeyScores AccumulatedScores(size_t head, size_t heads) const;

  // After Run, where the method shares budgets out by concentration. Share of the observation window's
  // attention that does not fall on the top 15 % of keys: near 0 where a few heavy hitters hold all, larger
  // where attention is spread out.
  double Spread(size_t head, size_t heads) const;

  size_t scratch_bytes() const;

 private:
  // Sums over one set of queries, kept apart by runs of queries so that the order of additions is fixed.
  class Sums {
   public:
    void Reset(size_t heads, size_t segments, size_t prompt);
    void Add(size_t head, size_t segment, const float* row, size_t n);
    // Sum over the segments, [prompt]. REQUIRES: Reset.
    KeyScores Of(size_t head) const;
    bool empty() const { return data_.empty(); }
    size_t bytes() const { return data_.size() * sizeof(float); }

   private:
    float* At(size_t head, size_t segment) { return &data_[(head * segments_ + segment) * prompt_]; }

    size_t segments_ = 0;
    size_t prompt_ = 0;
    std::vector<float> data_;  // [heads, segments, prompt]
  };

  // One pass over the queries [first, P) of every head, in tiles. `unmasked`: queries before the observation
  // window see all of the prompt (the published H2O scores), and no output is made.
  void Pass(Transformer& transformer, std::vector<HeadCache>& caches, const Activations& q, Activations* out,
            bool unmasked);

  KeyScores Combine(const Sums& sums, size_t head, size_t heads) const;

  Method method_;
  size_t prompt_;
  size_t window_;  // w
  bool policy_needs_window_ = false;
  bool spread_needs_window_ = false;
  bool policy_needs_all_ = false;
  bool policy_is_unmasked_ = false;
  bool accumulates_ = false;
  size_t heads_ = 0;
  Sums window_sums_;  // over the observation window's queries
  Sums all_sums_;     // over all queries, causal
  Sums unmasked_sums_;
  std::vector<AlignedVector<float>> probabilities_;  // by thread: [kMaxQueries, padded slots]
};

}  // namespace kvscope
