// How much slower or faster, from paired times: a few slow repetitions do not move it.
#pragma once

#include <optional>
#include <span>

#include "eval/stats/interval.h"

namespace kvscope {

struct PairedRatio {
  int pairs = 0;
  double ratio = 0;  // candidate / base
  // nullopt where so few pairs cannot give the confidence: 95 % takes six.
  std::optional<Interval> interval;
};

// The Hodges-Lehmann estimate of the pairs' log ratios (median of all averages of two) and the interval that
// belongs to Wilcoxon's signed-rank test, exact in the number of pairs, as a ratio (Hollander and Wolfe,
// "Nonparametric Statistical Methods", 1999, sections 3.2 and 3.3). Its confidence is at least the one asked
// for. Supposes that log ratios are independent and symmetric about their median: pairs that were slow
// together, such as one repetition's, belong into one ratio first. `log_ratios` are ln(candidate / base).
// nullopt for none. REQUIRES: 0 < confidence < 1.
std::optional<PairedRatio> RatioOfPairs(std::span<const double> log_ratios, double confidence);

}  // namespace kvscope
