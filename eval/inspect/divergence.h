// Fidelity without labels: how far a compressed cache's predictions lie from the full cache's, when both read
// the same text.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "runtime/engine/backend.h"

namespace kvscope {

// After one decode step.
struct DivergenceStep {
  int step = 0;
  int token = 0;       // fed in this step: the full cache's choice
  double kl_nats = 0;  // Kullback-Leibler divergence of the compressed cache's prediction from the full one's
  bool top1_agrees = true;  // both find the same next token most likely
  // [layers]: relative error of the attention outputs, |compressed - full| / |full| over all heads.
  std::vector<double> attention_error;
};

struct DivergenceSummary {
  int steps = 0;
  double mean_kl_nats = 0;
  double max_kl_nats = 0;
  double top1_agreement = 0;                 // share of steps
  int first_departure = -1;                  // first step whose most likely tokens differ; -1: none
  std::vector<double> mean_attention_error;  // [layers]
};

// Plays `steps` decode steps (less when the full cache chooses one of `stop_ids`) and calls `on_step` after
// each. Memory does not grow with the number of steps, but for the caches.
absl::StatusOr<DivergenceSummary> MeasureDivergence(
    Backend& backend, size_t vocab, size_t layers, std::span<const int> prompt, const Method& method,
    int steps, std::span<const int> stop_ids, const std::function<void(const DivergenceStep&)>& on_step);

// KL(p || q) in nats of the softmax distributions of two rows of logits. REQUIRES: equal sizes, finite
// logits.
double KlDivergence(std::span<const float> p_logits, std::span<const float> q_logits);

}  // namespace kvscope
