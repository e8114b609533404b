#include "eval/stats/group_sequential.h"

#include <cmath>

#include "eval/stats/distributions.h"
#include "fmt/format.h"

namespace kvscope {

absl::StatusOr<std::vector<Look>> SpendAlpha(std::span<const double> information, double alpha) {
  if (!(alpha > 0 && alpha < 1))
    return absl::InvalidArgumentError(fmt::format("alpha: expected between 0 and 1, found {}", alpha));
  const double z = NormalQuantile(1 - alpha / 2);
  std::vector<Look> looks;
  double before = 0, spent = 0;
  for (const double share : information) {
    if (!(share > before && share <= 1))
      return absl::InvalidArgumentError(
          fmt::format("information of look {}: expected above {} and at most 1, found {}", looks.size() + 1,
                      before, share));
    const double cumulative = 2 * NormalCdf(-z / std::sqrt(share));
    looks.push_back(
        {.information = share, .cumulative_alpha = cumulative, .nominal_alpha = cumulative - spent});
    before = share;
    spent = cumulative;
  }
  return looks;
}

}  // namespace kvscope
