// Which points are worth having: nothing is both cheaper and better.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace kvscope {

struct CostAndGain {
  double cost = 0;  // less is better
  double gain = 0;  // more is better
};

// Indices of the points that no other point dominates (costs no more, gains no less, and differs), by rising
// cost. Of equal points the first.
std::vector<size_t> ParetoFront(std::span<const CostAndGain> points);

}  // namespace kvscope
