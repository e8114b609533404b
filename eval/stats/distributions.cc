#include "eval/stats/distributions.h"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace kvscope {

using boost::math::binomial;
using boost::math::cdf;
using boost::math::chi_squared;
using boost::math::complement;
using boost::math::non_central_t;
using boost::math::normal;
using boost::math::quantile;
using boost::math::students_t;

double NormalCdf(double z) { return cdf(normal(), z); }

double NormalQuantile(double probability) { return quantile(normal(), probability); }

double StudentTCdf(double t, double degrees) {
  if (std::isinf(t)) return t > 0 ? 1 : 0;
  return cdf(students_t(degrees), t);
}

double StudentTQuantile(double probability, double degrees) {
  return quantile(students_t(degrees), probability);
}

double NoncentralTCdf(double t, double degrees, double noncentrality) {
  return cdf(non_central_t(degrees, noncentrality), t);
}

double ChiSquaredTail(double x, double degrees) { return cdf(complement(chi_squared(degrees), x)); }

double BinomialCdf(int successes, int trials, double probability) {
  return cdf(binomial(trials, probability), successes);
}

}  // namespace kvscope
