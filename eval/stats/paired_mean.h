// The mean of paired differences, one a cluster. All of a prompt's questions share one output, so the prompt
// is the cluster: its difference is one draw, however many questions it has.
#pragma once

#include <optional>
#include <span>

#include "eval/stats/interval.h"

namespace kvscope {

// In the unit of the differences.
struct PairedMean {
  int clusters = 0;
  double mean = 0;
  double standard_deviation = 0;  // of the differences, n - 1 in the denominator
  double standard_error = 0;      // of the mean

  double Degrees() const { return clusters - 1; }
};

// nullopt for fewer than two differences: one says nothing of its own spread.
std::optional<PairedMean> SummarizePaired(std::span<const double> differences);

// mean -+ t(clusters - 1) * standard error. Where all differences are equal it is that one point: no spread
// was seen, which few clusters do not prove. REQUIRES: 0 < confidence < 1.
Interval TInterval(const PairedMean& paired, double confidence);

}  // namespace kvscope
