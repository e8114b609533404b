// Looking at the data more than once without raising the chance of a false claim: how much of alpha each look
// may use.
#pragma once

#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace kvscope {

struct Look {
  double information = 0;       // share of the planned clusters that are in
  double cumulative_alpha = 0;  // spent up to and with this look
  double nominal_alpha = 0;     // stop at this look where the one-sided p of all data so far is at most this
};

// O'Brien-Fleming-like spending, one-sided: 2 - 2 Phi(z(1 - alpha / 2) / sqrt(information)) (Lan and DeMets,
// "Discrete sequential boundaries for clinical trials", Biometrika 70, 1983). Each look may use what is newly
// spent, so by Bonferroni's inequality the looks together claim falsely with probability at most alpha,
// whatever the data's distribution; exact boundaries, which take the looks' correlation into account, are
// somewhat wider. The same schedule serves `NonInferiorityP` of differences so far and, for stopping on a
// failure, the opposite test. InvalidArgument unless information rises within (0, 1] and 0 < alpha < 1.
absl::StatusOr<std::vector<Look>> SpendAlpha(std::span<const double> information, double alpha);

}  // namespace kvscope
