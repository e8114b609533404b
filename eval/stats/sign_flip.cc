#include "eval/stats/sign_flip.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace kvscope {

double SignFlipP(std::span<const int> differences) {
  size_t seen = 0, reach = 0;
  long sum = 0;
  for (const int difference : differences) {
    sum += difference;
    reach += static_cast<size_t>(std::abs(difference));
  }
  seen = static_cast<size_t>(std::abs(sum));
  // share[s]: of the assignments over the clusters so far, those that give the sum s - `done`.
  std::vector<double> share = {1};
  share.reserve(2 * reach + 1);
  for (const int difference : differences) {
    const auto size = static_cast<size_t>(std::abs(difference));
    std::vector<double> next(share.size() + 2 * size);
    for (size_t s = 0; s < share.size(); ++s) {
      next[s] += share[s] / 2;
      next[s + 2 * size] += share[s] / 2;
    }
    share = std::move(next);
  }
  double upper = 0;  // P(sum >= seen); the distribution is symmetric
  for (size_t s = reach + seen; s < share.size(); ++s) upper += share[s];
  return seen == 0 ? 1 : std::min(1.0, 2 * upper);
}

}  // namespace kvscope
