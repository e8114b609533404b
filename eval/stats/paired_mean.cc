#include "eval/stats/paired_mean.h"

#include <cmath>

#include "eval/stats/distributions.h"

namespace kvscope {

std::optional<PairedMean> SummarizePaired(std::span<const double> differences) {
  if (differences.size() < 2) return std::nullopt;
  const auto n = static_cast<double>(differences.size());
  double sum = 0;
  for (const double difference : differences) sum += difference;
  const double mean = sum / n;
  double squares = 0;
  for (const double difference : differences) squares += (difference - mean) * (difference - mean);
  const double deviation = std::sqrt(squares / (n - 1));
  return PairedMean{.clusters = static_cast<int>(differences.size()),
                    .mean = mean,
                    .standard_deviation = deviation,
                    .standard_error = deviation / std::sqrt(n)};
}

Interval TInterval(const PairedMean& paired, double confidence) {
  const double half = StudentTQuantile((1 + confidence) / 2, paired.Degrees()) * paired.standard_error;
  return {.low = paired.mean - half, .high = paired.mean + half};
}

}  // namespace kvscope
