#include "runtime/cache/key_directions.h"

#include <cmath>
#include <numeric>

namespace kvscope {

void KeyDirections::Add(size_t slot, std::span<const float> key) {
  const double squares = std::inner_product(key.begin(), key.end(), key.begin(), 0.0);
  const float inverse = squares > 0 ? static_cast<float>(1 / std::sqrt(squares)) : 0.0f;
  if (slot >= inverse_lengths_.size()) inverse_lengths_.resize(slot + 1);
  inverse_lengths_[slot] = inverse;
  for (size_t d = 0; d < sum_.size(); ++d) sum_[d] += double{key[d]} * inverse;
}

void KeyDirections::Remove(size_t slot, std::span<const float> key) {
  for (size_t d = 0; d < sum_.size(); ++d) sum_[d] -= double{key[d]} * inverse_lengths_[slot];
}

void KeyDirections::MoveLast(size_t to) {
  inverse_lengths_[to] = inverse_lengths_.back();
  inverse_lengths_.pop_back();
}

}  // namespace kvscope
