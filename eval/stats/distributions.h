// Distribution functions, by Boost.Math. Kept behind this header because Boost's are slow to compile.
// All REQUIRE: no NaN; probabilities strictly between 0 and 1; degrees > 0.
#pragma once

namespace kvscope {

double NormalCdf(double z);
double NormalQuantile(double probability);

double StudentTCdf(double t, double degrees);
double StudentTQuantile(double probability, double degrees);

// P(T <= t) of the noncentral t distribution: how often a t test sees an effect.
double NoncentralTCdf(double t, double degrees, double noncentrality);

// P(X > x), x >= 0.
double ChiSquaredTail(double x, double degrees);

// P(X <= successes) of `trials` draws, 0 <= successes <= trials.
double BinomialCdf(int successes, int trials, double probability);

}  // namespace kvscope
