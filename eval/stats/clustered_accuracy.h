// How many questions are answered right, and how well that is known when questions come in clusters
// (prompts).
#pragma once

#include <optional>
#include <span>

#include "eval/stats/interval.h"

namespace kvscope {

struct ClusterScore {
  int correct = 0;
  int questions = 0;
};

struct ClusteredAccuracy {
  int clusters = 0;
  int questions = 0;
  double accuracy = 0;  // a share: right answers / questions
  // The rest is nullopt where it is undefined: one cluster; all answers alike (the last three).
  std::optional<double> standard_error;
  std::optional<Interval> interval;
  // Variance of the accuracy over what independent questions would give, accuracy * (1 - accuracy) /
  // questions.
  std::optional<double> design_effect;
  std::optional<double> effective_questions;  // questions / design effect
  std::optional<double> intraclass_correlation;
};

// Ratio estimator with linearized cluster-robust variance, n / (n - 1) corrected (Cochran, "Sampling
// Techniques", 1977, section 6.3), Student's t with n - 1 degrees of freedom over n clusters. With equally
// many questions a cluster it is the mean over clusters. The intraclass correlation is the
// analysis-of-variance estimator (Ridout, Demetrio and Firth, Biometrics 55, 1999); it can be negative.
// nullopt when there are no questions. REQUIRES: 0 < confidence < 1.
std::optional<ClusteredAccuracy> AccuracyOfClusters(std::span<const ClusterScore> clusters,
                                                    double confidence);

}  // namespace kvscope
