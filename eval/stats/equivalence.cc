#include "eval/stats/equivalence.h"

#include <algorithm>

#include "eval/stats/distributions.h"

namespace kvscope {
namespace {

// p of H0: distance <= 0, for an estimate that lies `distance` on the wanted side of the margin.
double OneSidedP(double distance, const PairedMean& paired) {
  if (paired.standard_error == 0) return distance > 0 ? 0 : 1;
  return StudentTCdf(-distance / paired.standard_error, paired.Degrees());
}

}  // namespace

double NonInferiorityP(const PairedMean& paired, double margin) {
  return OneSidedP(paired.mean + margin, paired);
}

double EquivalenceP(const PairedMean& paired, double margin) {
  return std::max(OneSidedP(paired.mean + margin, paired), OneSidedP(margin - paired.mean, paired));
}

}  // namespace kvscope
