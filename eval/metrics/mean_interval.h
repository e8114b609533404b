// A mean and how well it is known.
#pragma once

#include <optional>
#include <span>

namespace kvscope {

struct MeanInterval {
  double mean = 0;
  // Half the width of the 95 % confidence interval, Student's t with n - 1 degrees of freedom over the values
  // as independent draws. nullopt for one value.
  std::optional<double> half_width;
};

// nullopt for no values.
std::optional<MeanInterval> MeanWithInterval(std::span<const double> values);

}  // namespace kvscope
