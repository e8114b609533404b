#include "eval/metrics/mean_interval.h"

#include <cmath>

#include "eval/stats/distributions.h"

namespace kvscope {

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
  result.half_width = StudentTQuantile(0.975, n - 1) * standard_error;
  return result;
}

}  // namespace kvscope
