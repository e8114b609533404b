// The cluster bootstrap: whole clusters are drawn anew, so that what goes together stays together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "eval/stats/interval.h"

namespace kvscope {

struct BootstrapOptions {
  uint64_t seed = 1;  // of SplitMix64: the same resamples on every machine
  int resamples = 10000;
  double confidence = 0.95;
};

// Interval of the mean of `values`, one a cluster, in their unit: bias-corrected and accelerated (BCa; Efron
// and Tibshirani, "An Introduction to the Bootstrap", 1993, section 14.3), acceleration by the jackknife.
// Where all values are equal it is that point. nullopt for fewer than two. Below some 10 clusters it is too
// narrow; the t interval is not.
std::optional<Interval> BootstrapMeanInterval(std::span<const double> values,
                                              const BootstrapOptions& options);

}  // namespace kvscope
