#include "eval/inspect/divergence.h"

#include <algorithm>
#include <cmath>

#include "eval/inspect/replay.h"
#include "kernels/cpu/elementwise.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

double LogSumExp(std::span<const float> logits) {
  const double max = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float logit : logits) sum += std::exp(logit - max);
  return max + std::log(sum);
}

// Squared lengths of the full outputs and of the differences to them, by layer, of the step in progress.
class OutputErrors : public AttentionProbe {
 public:
  explicit OutputErrors(size_t layers) : full_(layers), difference_(layers) {}

  void OnAttention(const AttentionSample& sample) override {
    const auto layer = static_cast<size_t>(sample.layer), head = static_cast<size_t>(sample.query_head);
    std::vector<std::vector<float>>& other = waiting_[1 - sample.row];
    std::vector<std::vector<float>>& own = waiting_[sample.row];
    if (own.size() <= head) own.resize(head + 1);
    if (other.size() <= head) other.resize(head + 1);
    if (other[head].empty()) {
      own[head].assign(sample.output.begin(), sample.output.end());
      return;
    }
    const std::span<const float> full = sample.row == 0 ? sample.output : std::span<const float>(other[head]);
    for (size_t d = 0; d < sample.output.size(); ++d) {
      const double difference = double{sample.output[d]} - other[head][d];
      difference_[layer] += difference * difference;
      full_[layer] += double{full[d]} * full[d];
    }
    other[head].clear();
  }

  std::vector<double> TakeStep() {
    std::vector<double> errors(full_.size());
    for (size_t layer = 0; layer < errors.size(); ++layer) {
      errors[layer] = full_[layer] > 0 ? std::sqrt(difference_[layer] / full_[layer]) : 0;
    }
    std::fill(full_.begin(), full_.end(), 0.0);
    std::fill(difference_.begin(), difference_.end(), 0.0);
    return errors;
  }

 private:
  std::vector<double> full_, difference_;       // [layers]
  std::vector<std::vector<float>> waiting_[2];  // [rows][heads]: output whose counterpart has not come yet
};

}  // namespace

double KlDivergence(std::span<const float> p_logits, std::span<const float> q_logits) {
  const double p_total = LogSumExp(p_logits), q_total = LogSumExp(q_logits);
  double divergence = 0;
  for (size_t i = 0; i < p_logits.size(); ++i) {
    const double log_p = p_logits[i] - p_total, log_q = q_logits[i] - q_total;
    divergence += std::exp(log_p) * (log_p - log_q);
  }
  return std::max(0.0, divergence);  // rounding may leave a little less than nothing
}

absl::StatusOr<DivergenceSummary> MeasureDivergence(
    Backend& backend, size_t vocab, size_t layers, std::span<const int> prompt, const Method& method,
    int steps, std::span<const int> stop_ids, const std::function<void(const DivergenceStep&)>& on_step) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Replay> replay,
                   Replay::Start(backend, vocab, prompt, std::span(&method, 1)));
  OutputErrors errors(layers);
  DivergenceSummary summary;
  summary.mean_attention_error.resize(layers);
  int agreements = 0;
  for (int step = 0; step < steps; ++step) {
    const int next = ArgMaxFinite(replay->logits(0));
    if (std::find(stop_ids.begin(), stop_ids.end(), next) != stop_ids.end()) break;
    backend.SetProbe(&errors);
    const absl::Status status = replay->Step();
    backend.SetProbe(nullptr);
    RETURN_IF_ERROR(status);
    DivergenceStep result{.step = step, .token = replay->token()};
    result.kl_nats = KlDivergence(replay->logits(0), replay->logits(1));
    result.top1_agrees = ArgMaxFinite(replay->logits(0)) == ArgMaxFinite(replay->logits(1));
    result.attention_error = errors.TakeStep();
    if (!result.top1_agrees && summary.first_departure < 0) summary.first_departure = step;
    agreements += result.top1_agrees;
    ++summary.steps;
    summary.mean_kl_nats += (result.kl_nats - summary.mean_kl_nats) / summary.steps;
    summary.max_kl_nats = std::max(summary.max_kl_nats, result.kl_nats);
    for (size_t layer = 0; layer < layers; ++layer) {
      double& mean = summary.mean_attention_error[layer];
      mean += (result.attention_error[layer] - mean) / summary.steps;
    }
    if (on_step) on_step(result);
  }
  summary.top1_agreement = summary.steps > 0 ? static_cast<double>(agreements) / summary.steps : 0;
  return summary;
}

}  // namespace kvscope
