#include "eval/metrics/mean_interval.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace kvscope {

double StudentT975(int degrees) {
  constexpr std::array kTable = {12.7062, 4.3027, 3.1824, 2.7764, 2.5706,
                                 2.4469,  2.3646, 2.3060, 2.2622, 2.2281};
  if (degrees <= static_cast<int>(kTable.size())) return kTable[static_cast<size_t>(degrees - 1)];
  // Cornish-Fisher expansion around the normal quantile (Abramowitz and Stegun 26.7.5): from 11 degrees on,
  // right to 1e-4.
  constexpr double kZ = 1.959963984540054;
  constexpr double kZ3 = kZ * kZ * kZ, kZ5 = kZ3 * kZ * kZ, kZ7 = kZ5 * kZ * kZ;
  const double n = degrees;
  return kZ + (kZ3 + kZ) / (4 * n) + (5 * kZ5 + 16 * kZ3 + 3 * kZ) / (96 * n * n) +
         (3 * kZ7 + 19 * kZ5 + 17 * kZ3 - 15 * kZ) / (384 * n * n * n);
}

std::optional<MeanInterval> MeanWithInterval(std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  for (const double value : values) sum += value;
  MeanInterval result{.mean = sum / n, .half_width = std::nullopt};
  if (values.size() == 1) return result;
  double squares = 0;
  for (const double value : values) squares += (value - result.mean) * (value - result.mean);
  const double standard_error = std::sqrt(squares / (n - 1) / n);
  result.half_width = StudentT975(static_cast<int>(values.size()) - 1) * standard_error;
  return result;
}

}  // namespace kvscope
