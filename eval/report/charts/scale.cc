#include "eval/report/charts/scale.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"

namespace kvscope {
namespace {

// The step of 1, 2 or 5 times a power of ten that is nearest above `rough`, or within a tenth below.
double NiceStep(double rough) {
  constexpr double kSlack = 1.1;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power * kSlack >= rough) return factor * power;
  return 10 * power;
}

// Below it a step would not be a normal number.
constexpr double kSmallestRange = 1e-290;

}  // namespace

double LinearScale::Clamped(double value) const { return (*this)(std::clamp(value, low_, high_)); }

Ticks NiceTicks(double low, double high, int count) {
  if (high - low < kSmallestRange) {
    const double margin = std::max(kSmallestRange, low == 0 ? 1 : std::abs(low) / 2);
    low -= margin;
    high += margin;
  }
  const double step = NiceStep((high - low) / (count - 1));
  // Sums of steps are a little off; what is off by less than this belongs to the tick.
  constexpr double kRounding = 1e-9;
  const double first = std::floor(low / step + kRounding), last = std::ceil(high / step - kRounding);
  const int decimals = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - kRounding)));
  Ticks ticks;
  for (double i = first; i <= last; ++i) {
    ticks.values.push_back(i * step);
    ticks.labels.push_back(fmt::format("{:.{}f}", i == 0 ? 0.0 : i * step, decimals));
  }
  return ticks;
}

}  // namespace kvscope
