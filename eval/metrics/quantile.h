// Quantiles of a sample.
#pragma once

#include <optional>
#include <span>

namespace kvscope {

// Linear interpolation between order statistics (type 7 of Hyndman and Fan 1996). `share` in [0, 1]. nullopt
// for no values.
std::optional<double> Quantile(std::span<const double> values, double share);

}  // namespace kvscope
