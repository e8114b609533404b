// The smallest true mean difference that a two-sided paired t test finds with a given power: what "no
// difference shown" cannot rule out.
#pragma once

namespace kvscope {

// Exact, by the noncentral t distribution with both tails of the test (Cohen, "Statistical Power Analysis for
// the Behavioral Sciences", 1988, chapter 2). In the unit of `standard_deviation`, which is of the
// differences over clusters and is taken as the true one; 0 where that is 0. REQUIRES: clusters >= 2, 0 <
// alpha < power < 1.
double DetectableDifference(double standard_deviation, int clusters, double alpha, double power);

}  // namespace kvscope
