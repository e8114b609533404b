#include "eval/stats/sign_flip.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <vector>

namespace kvscope {

double SignFlipP(std::span<const int> differences) {
  int64_t sum = 0, reach = 0;
  for (const int difference : differences) {
    sum += difference;
    reach += std::abs(difference);
  }
  if (sum == 0) return 1;
  // Of the assignments of signs to the clusters so far, the share with each sum, from the least possible on:
  // two sums next to each other are one apart, and a cluster moves a sum down or up by its difference.
  std::vector<double> share = {1};
  for (const int difference : differences) {
    const auto size = static_cast<size_t>(std::abs(difference));
    std::vector<double> next(share.size() + 2 * size);
    for (size_t s = 0; s < share.size(); ++s) {
      next[s] += share[s] / 2;
      next[s + 2 * size] += share[s] / 2;
    }
    share = std::move(next);
  }
  double upper = 0;  // of sums from |sum| to the largest; the distribution is symmetric
  for (size_t s = static_cast<size_t>(reach + std::abs(sum)); s < share.size(); ++s) upper += share[s];
  return std::min(1.0, 2 * upper);
}

}  // namespace kvscope
