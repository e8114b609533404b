#include "eval/stats/clustered_accuracy.h"

#include <cmath>

#include "eval/stats/distributions.h"

namespace kvscope {
namespace {

double RobustVariance(std::span<const ClusterScore> clusters, double accuracy, double questions) {
  double squares = 0;
  for (const ClusterScore& cluster : clusters) {
    const double residual = cluster.correct - accuracy * cluster.questions;
    squares += residual * residual;
  }
  const auto n = static_cast<double>(clusters.size());
  return n / (n - 1) * squares / (questions * questions);
}

std::optional<double> IntraclassCorrelation(std::span<const ClusterScore> clusters, double accuracy,
                                            double questions) {
  const auto n = static_cast<double>(clusters.size());
  if (questions <= n) return std::nullopt;
  double between = 0, within = 0, sizes_squared = 0;
  for (const ClusterScore& cluster : clusters) {
    if (cluster.questions == 0) continue;
    const double size = cluster.questions, share = cluster.correct / size;
    between += size * (share - accuracy) * (share - accuracy);
    within += size * share * (1 - share);
    sizes_squared += size * size;
  }
  between /= n - 1;
  within /= questions - n;
  const double typical_size = (questions - sizes_squared / questions) / (n - 1);
  return (between - within) / (between + (typical_size - 1) * within);
}

}  // namespace

std::optional<ClusteredAccuracy> AccuracyOfClusters(std::span<const ClusterScore> clusters,
                                                    double confidence) {
  ClusteredAccuracy result;
  int correct = 0;
  for (const ClusterScore& cluster : clusters) {
    correct += cluster.correct;
    result.questions += cluster.questions;
  }
  if (result.questions == 0) return std::nullopt;
  result.clusters = static_cast<int>(clusters.size());
  const double questions = result.questions;
  result.accuracy = correct / questions;
  if (result.clusters < 2) return result;
  const double variance = RobustVariance(clusters, result.accuracy, questions);
  result.standard_error = std::sqrt(variance);
  const double half = StudentTQuantile((1 + confidence) / 2, result.clusters - 1) * *result.standard_error;
  result.interval = {.low = result.accuracy - half, .high = result.accuracy + half};
  const double binomial = result.accuracy * (1 - result.accuracy) / questions;
  if (binomial == 0) return result;
  result.design_effect = variance / binomial;
  if (variance > 0) result.effective_questions = questions / *result.design_effect;
  result.intraclass_correlation = IntraclassCorrelation(clusters, result.accuracy, questions);
  return result;
}

}  // namespace kvscope
