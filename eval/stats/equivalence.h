// Tests against a margin on paired differences (candidate - base): that a candidate is not worse by more than
// a margin, and that it differs by less than one. Paired t tests; Schuirmann, "A comparison of the two
// one-sided tests procedure and the power approach", J. Pharmacokinet. Biopharm. 15 (1987).
#pragma once

#include "eval/stats/paired_mean.h"

namespace kvscope {

// p of H0: mean <= -margin. Small: not worse by `margin` or more. `margin` in the unit of the differences;
// REQUIRES: margin >= 0. Without spread: 0 where the mean is beyond -margin, else 1.
double NonInferiorityP(const PairedMean& paired, double margin);

// p of H0: |mean| >= margin, the larger of the two one-sided p values. Small: equivalent within the margin.
double EquivalenceP(const PairedMean& paired, double margin);

}  // namespace kvscope
