#include "eval/stats/detectable_difference.h"

#include <cmath>

#include "eval/stats/distributions.h"

namespace kvscope {
namespace {

constexpr int kBisections = 60;

double Power(double noncentrality, double critical, double degrees) {
  return 1 - NoncentralTCdf(critical, degrees, noncentrality) +
         NoncentralTCdf(-critical, degrees, noncentrality);
}

}  // namespace

double DetectableDifference(double standard_deviation, int clusters, double alpha, double power) {
  const double degrees = clusters - 1;
  const double critical = StudentTQuantile(1 - alpha / 2, degrees);
  double low = 0, high = critical;
  while (Power(high, critical, degrees) < power) high *= 2;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (Power(middle, critical, degrees) < power ? low : high) = middle;
  }
  return high * standard_deviation / std::sqrt(clusters);
}

}  // namespace kvscope
