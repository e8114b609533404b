// Attention that a prompt's positions received, summed over queries: what prefill policies select by. Methods
// that need the same sum share it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "runtime/methods/method.h"

namespace kvscope {

using KeyScores = std::vector<float>;  // [P]

// Queries of a prompt, and what they see, that one sum goes over.
struct QuerySet {
  enum class Kind {
    kWindow,   // the last `window` queries
    kAll,      // all queries
    kUnmasked  // all queries; those before the last `window` see the whole prompt (published H2O)
  };
  Kind kind = Kind::kAll;
  size_t window = 0;  // of kWindow and kUnmasked

  // The first of the queries that are summed.
  size_t First(size_t prompt) const { return kind == Kind::kWindow ? prompt - window : 0; }

  friend bool operator==(const QuerySet&, const QuerySet&) = default;
};

// What a method asks of one cached head. Several query heads' scores are combined as the method says.
struct HeadScores {
  KeyScores policy;       // [P - w]: what its prefill policy selects by; empty where it needs none
  KeyScores accumulated;  // [P]: what its decode policy starts from; empty where it needs none
  // Where budgets go by concentration: share of the observation window's attention that does not fall on the
  // top 15 % of keys. Near 0 where a few heavy hitters hold all, larger where attention is spread out.
  double spread = 0;
};

// The sums that several methods need of one prompt, each once, for one layer at a time.
class PromptScores {
 public:
  // REQUIRES: `methods` outlive this.
  PromptScores(std::span<const Method> methods, size_t prompt);

  size_t sums() const { return sets_.size(); }
  const QuerySet& queries(size_t sum) const { return sets_[sum]; }

  // Sets all sums to 0. They are kept apart by segments, runs of queries, so that the order of additions is
  // fixed.
  void Reset(size_t query_heads, size_t segments);

  // [P, to whole pages]: to which the rows of one segment's queries are to be added, in order.
  float* At(size_t sum, size_t query_head, size_t segment) {
    return &data_[((sum * query_heads_ + query_head) * segments_ + segment) * stride_];
  }

  // What methods[method] asks of cached head `head` of `heads`.
  HeadScores Of(size_t method, size_t head, size_t heads) const;

  size_t bytes() const { return data_.size() * sizeof(float); }

 private:
  struct Needs {
    std::optional<size_t> policy, accumulated, spread;  // index of a sum
  };

  size_t Need(const QuerySet& set);
  KeyScores Total(size_t sum, size_t query_head) const;
  KeyScores Combine(size_t sum, size_t head, size_t heads, GroupScore how) const;

  std::span<const Method> methods_;
  size_t prompt_;
  size_t stride_;
  std::vector<QuerySet> sets_;
  std::vector<Needs> needs_;  // [methods]
  size_t query_heads_ = 0;
  size_t segments_ = 0;
  std::vector<float> data_;  // [sums, query heads, segments, stride]
};

}  // namespace kvscope
