// The sign-flip permutation test of paired differences: were base and candidate exchangeable, each cluster's
// difference would bear either sign with probability 1/2 (Fisher, "The Design of Experiments", 1935, section
// 21).
#pragma once

#include <span>

namespace kvscope {

// Two-sided p: the share of all 2^n assignments of signs whose sum is at least as far from 0 as the one seen.
// Exact for any number of clusters: the differences are counts (right answers of the candidate - of the
// base), so the distribution of the sum is built up cluster by cluster instead of by enumeration or by random
// draws, and there is no seed. 1 for no differences. With n of them that are not 0 it is never below 2 / 2^n.
// Time and memory grow with the sum of the differences' sizes.
double SignFlipP(std::span<const int> differences);

}  // namespace kvscope
