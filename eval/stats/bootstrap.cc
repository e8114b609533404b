#include "eval/stats/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "datasets/arith/random.h"
#include "eval/metrics/quantile.h"
#include "eval/stats/distributions.h"

namespace kvscope {
namespace {

double Mean(std::span<const double> values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

std::vector<double> ResampledMeans(std::span<const double> values, const BootstrapOptions& options) {
  SplitMix64 random(options.seed);
  const int last = static_cast<int>(values.size()) - 1;
  std::vector<double> means(static_cast<size_t>(options.resamples));
  for (double& mean : means) {
    double sum = 0;
    for (int i = 0; i <= last; ++i) sum += values[static_cast<size_t>(random.Between(0, last))];
    mean = sum / static_cast<double>(values.size());
  }
  return means;
}

// A sixth of the skewness, which is what the jackknife gives for a mean (Efron and Tibshirani,
// equation 14.15).
double Acceleration(std::span<const double> values, double mean) {
  double squares = 0, cubes = 0;
  for (const double value : values) {
    const double deviation = value - mean;
    squares += deviation * deviation;
    cubes += deviation * deviation * deviation;
  }
  return cubes / (6 * std::pow(squares, 1.5));
}

// Share of resamples below the mean, those that tie with it counted half: means of counts tie often.
double ShareBelow(const std::vector<double>& means, double mean) {
  const double tie = 1e-12 * (1 + std::abs(mean));
  double below = 0;
  for (const double resampled : means)
    below += resampled < mean - tie ? 1 : resampled <= mean + tie ? 0.5 : 0;
  return below / static_cast<double>(means.size());
}

}  // namespace

std::optional<Interval> BootstrapMeanInterval(std::span<const double> values,
                                              const BootstrapOptions& options) {
  if (values.size() < 2) return std::nullopt;
  const auto [smallest, largest] = std::ranges::minmax(values);
  if (smallest == largest) return Interval{smallest, smallest};
  const double mean = Mean(values);
  const std::vector<double> means = ResampledMeans(values, options);
  const double half = 0.5 / static_cast<double>(means.size());
  const double bias = NormalQuantile(std::clamp(ShareBelow(means, mean), half, 1 - half));
  const double acceleration = Acceleration(values, mean);
  const auto end = [&](double probability) {
    const double z = bias + NormalQuantile(probability);
    return *Quantile(means, NormalCdf(bias + z / (1 - acceleration * z)));
  };
  return Interval{end((1 - options.confidence) / 2), end((1 + options.confidence) / 2)};
}

}  // namespace kvscope
