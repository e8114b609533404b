#include <gtest/gtest.h>

#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/metrics/quantile.h"

namespace kvscope {
namespace {

TEST(Quantile, InterpolatesBetweenOrderStatistics) {
  const std::vector<double> values = {4, 1, 3, 2};
  EXPECT_EQ(Quantile(values, 0), 1);
  EXPECT_EQ(Quantile(values, 0.5), 2.5);
  EXPECT_EQ(Quantile(values, 1), 4);
  EXPECT_NEAR(*Quantile(values, 0.99), 3.97, 1e-12);
  EXPECT_EQ(Quantile(std::vector<double>{7}, 0.99), 7);
  EXPECT_EQ(Quantile({}, 0.5), std::nullopt);
}

TEST(MeanInterval, IsStudents) {
  // Mean 3, standard deviation sqrt(2.5), n = 5: 2.7764 * sqrt(2.5 / 5).
  const auto interval = MeanWithInterval(std::vector<double>{1, 2, 3, 4, 5});
  EXPECT_EQ(interval->mean, 3);
  EXPECT_NEAR(*interval->half_width, 1.9632, 1e-4);
  EXPECT_EQ(MeanWithInterval(std::vector<double>{2, 2})->half_width, 0);
  EXPECT_FALSE(MeanWithInterval(std::vector<double>{2})->half_width.has_value());
  EXPECT_FALSE(MeanWithInterval({}).has_value());
}

}  // namespace
}  // namespace kvscope
