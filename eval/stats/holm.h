// p values of several comparisons, made comparable to one threshold.
#pragma once

#include <span>
#include <vector>

namespace kvscope {

// Holm's step-down adjustment (Holm, "A simple sequentially rejective multiple test procedure", Scand. J.
// Statist. 6, 1979): rejecting where the adjusted p is at most alpha keeps the chance of any false rejection
// at alpha, whatever the dependence. In the order given.
std::vector<double> HolmAdjusted(std::span<const double> p_values);

}  // namespace kvscope
