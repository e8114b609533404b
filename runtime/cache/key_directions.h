// The directions of a cache's keys: what policies that compare keys with their mean would else read all keys
// for, at every step.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kvscope {

class KeyDirections {
 public:
  explicit KeyDirections(size_t head_dim) : sum_(head_dim) {}

  // `slot`, the next one or one that was given up, now holds `key`, [head_dim].
  void Add(size_t slot, std::span<const float> key);

  // Gives up a slot, which holds `key`.
  void Remove(size_t slot, std::span<const float> key);

  // The last slot's entry is now in slot `to`, which was given up.
  void MoveLast(size_t to);

  // Keys scaled to length 1, summed. [head_dim].
  std::span<const double> sum() const { return sum_; }

  // 1 / |key|, 0 for a key that is 0. [slots].
  std::span<const float> inverse_lengths() const { return inverse_lengths_; }

 private:
  std::vector<double> sum_;
  std::vector<float> inverse_lengths_;
};

}  // namespace kvscope
