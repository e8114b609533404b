#include "eval/stats/distributions.h"

#include <gtest/gtest.h>

#include <limits>

namespace kvscope {
namespace {

// scipy 1.17.1: stats.norm, stats.t, stats.nct, stats.chi2, stats.binom.
TEST(Distributions, MatchScipy) {
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-12);
  EXPECT_NEAR(NormalCdf(-3), 0.0013498980316300933, 1e-15);
  EXPECT_NEAR(StudentTQuantile(0.975, 1), 12.706204736174694, 1e-9);
  EXPECT_NEAR(StudentTQuantile(0.975, 42), 2.0180817028184443, 1e-12);
  EXPECT_NEAR(StudentTQuantile(0.9, 2.5), 1.7302509288071766, 1e-12);
  EXPECT_NEAR(StudentTCdf(-1.3, 7), 0.11738391769618862, 1e-12);
  EXPECT_NEAR(NoncentralTCdf(2, 5, 1.5), 0.6314492472556718, 1e-10);
  EXPECT_NEAR(NoncentralTCdf(2.018, 42, 2.8), 0.2189978497833845, 1e-10);
  EXPECT_NEAR(NoncentralTCdf(-2, 42, 2.8), 1.4177272401687778e-06, 1e-12);
  EXPECT_NEAR(ChiSquaredTail(3.841458820694124, 1), 0.05, 1e-12);
  EXPECT_NEAR(ChiSquaredTail(20, 1), 7.744216431044088e-06, 1e-15);
  EXPECT_NEAR(BinomialCdf(3, 10, 0.5), 0.171875, 1e-12);
  EXPECT_NEAR(BinomialCdf(40, 120, 0.5), 0.00016520000919565908, 1e-15);
}

// NIST/SEMATECH e-Handbook of Statistical Methods, table 1.3.6.7.2.
TEST(Distributions, MatchTheHandbooksTableOfStudentsT) {
  EXPECT_NEAR(StudentTQuantile(0.975, 10), 2.228, 1e-3);
  EXPECT_NEAR(StudentTQuantile(0.975, 100), 1.984, 1e-3);
  EXPECT_NEAR(StudentTQuantile(0.95, 30), 1.697, 1e-3);
}

TEST(Distributions, TakeTheEndsOfTheirRange) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(StudentTCdf(kInfinity, 3), 1);
  EXPECT_EQ(StudentTCdf(-kInfinity, 3), 0);
  EXPECT_EQ(ChiSquaredTail(0, 1), 1);
  EXPECT_EQ(BinomialCdf(4, 4, 0.5), 1);
}

}  // namespace
}  // namespace kvscope
