#include "runtime/engine/naive_twin.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace kvscope {
namespace {

using Vector = std::vector<double>;

double Weight(const WeightMatrix& w, size_t row, size_t column) {
  float value;
  std::memcpy(&value, w.row(row) + column * sizeof(float), sizeof(float));
  return value;
}

Vector Times(const WeightMatrix& w, const Vector& x) {
  Vector y(w.rows);
  for (size_t r = 0; r < w.rows; ++r) {
    for (size_t c = 0; c < w.columns; ++c) y[r] += Weight(w, r, c) * x[c];
  }
  return y;
}

Vector Norm(const Vector& x, const std::vector<float>& weight, double eps) {
  double squares = 0;
  for (double value : x) squares += value * value;
  Vector y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    y[i] = x[i] / std::sqrt(squares / static_cast<double>(x.size()) + eps) * weight[i];
  }
  return y;
}

void Rotate(double* head, size_t head_dim, double theta, int position) {
  for (size_t i = 0; i < head_dim / 2; ++i) {
    const double angle =
        position * std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(head_dim));
    const double low = head[i], high = head[i + head_dim / 2];
    head[i] = low * std::cos(angle) - high * std::sin(angle);
    head[i + head_dim / 2] = high * std::cos(angle) + low * std::sin(angle);
  }
}

// Positions of the `k` highest scores among `candidates`; of equals the earlier.
std::vector<int> Best(std::vector<int> candidates, const Vector& scores, int k) {
  std::stable_sort(candidates.begin(), candidates.end(), [&](int a, int b) {
    return scores[static_cast<size_t>(a)] > scores[static_cast<size_t>(b)];
  });
  candidates.resize(std::min(candidates.size(), static_cast<size_t>(std::max(0, k))));
  return candidates;
}

}  // namespace

NaiveTwin::NaiveTwin(std::shared_ptr<const Model> model, const Method& method)
    : model_(std::move(model)), method_(method) {
  const ModelConfig& c = model_->config;
  heads_.resize(c.layers);
  for (auto& layer : heads_) layer.resize(c.kv_heads);
  window_received_.assign(c.layers, std::vector<Vector>(c.kv_heads));
  kept_.resize(c.layers);
  last_selection_.assign(c.layers, -1000000);
}

Vector NaiveTwin::Prefill(std::span<const int> prompt) {
  prompt_ = static_cast<int>(prompt.size());
  Vector logits;
  for (int token : prompt) logits = Forward(token, /*decoding=*/false);
  for (size_t layer = 0; layer < heads_.size(); ++layer) CompressPrompt(layer);
  return logits;
}

Vector NaiveTwin::Decode(int token) { return Forward(token, /*decoding=*/true); }

Vector NaiveTwin::Forward(int token, bool decoding) {
  const ModelConfig& c = model_->config;
  Vector x(c.hidden);
  for (size_t i = 0; i < c.hidden; ++i) x[i] = Weight(model_->embedding, static_cast<size_t>(token), i);
  for (size_t layer = 0; layer < c.layers; ++layer) {
    const LayerWeights& w = model_->layers[layer];
    const Vector attended = Times(w.o, Attend(layer, Norm(x, w.attention_norm, c.rms_eps), decoding));
    for (size_t i = 0; i < x.size(); ++i) x[i] += attended[i];
    const Vector normed = Norm(x, w.ffn_norm, c.rms_eps);
    Vector gate = Times(w.gate, normed);
    const Vector up = Times(w.up, normed);
    for (size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    const Vector down = Times(w.down, gate);
    for (size_t i = 0; i < x.size(); ++i) x[i] += down[i];
  }
  ++position_;
  return Times(model_->head, Norm(x, model_->final_norm, c.rms_eps));
}

Vector NaiveTwin::Attend(size_t layer, const Vector& x, bool decoding) {
  const ModelConfig& c = model_->config;
  const LayerWeights& w = model_->layers[layer];
  Vector q = Times(w.q, x), k = Times(w.k, x), v = Times(w.v, x), out(c.heads * c.head_dim);
  for (size_t h = 0; h < c.heads; ++h) Rotate(&q[h * c.head_dim], c.head_dim, c.rope_theta, position_);
  for (size_t g = 0; g < c.kv_heads; ++g) {
    Rotate(&k[g * c.head_dim], c.head_dim, c.rope_theta, position_);
    Head& head = heads_[layer][g];
    const auto begin = static_cast<std::ptrdiff_t>(g * c.head_dim),
               end = begin + static_cast<std::ptrdiff_t>(c.head_dim);
    head.keys.emplace_back(k.begin() + begin, k.begin() + end);
    head.values.emplace_back(v.begin() + begin, v.begin() + end);
    head.seen.push_back(position_);
    head.received.push_back(0);
    window_received_[layer][g].push_back(0);
    Vector step_scores(head.keys.size());
    for (size_t i = 0; i < c.group(); ++i) {
      const double* query = &q[(g * c.group() + i) * c.head_dim];
      Vector p;
      double max = -1e300, sum = 0;
      for (int position : head.seen) {
        double dot = 0;
        for (size_t d = 0; d < c.head_dim; ++d) dot += query[d] * head.keys[static_cast<size_t>(position)][d];
        p.push_back(dot / std::sqrt(static_cast<double>(c.head_dim)));
        max = std::max(max, p.back());
      }
      for (double& value : p) sum += value = std::exp(value - max);
      for (size_t s = 0; s < p.size(); ++s) {
        const auto position = static_cast<size_t>(head.seen[s]);
        const double share = p[s] / sum;
        for (size_t d = 0; d < c.head_dim; ++d) {
          out[(g * c.group() + i) * c.head_dim + d] += share * head.values[position][d];
        }
        step_scores[position] += share / static_cast<double>(c.group());
      }
    }
    for (size_t s = 0; s < step_scores.size(); ++s) {
      head.received[s] += step_scores[s];
      if (!decoding && position_ >= prompt_ - method_.budgets.observation)
        window_received_[layer][g][s] += step_scores[s];
    }
    if (decoding) EvictAfterStep(layer, g, step_scores);
  }
  return out;
}

void NaiveTwin::CompressPrompt(size_t layer) {
  const int C = method_.budgets.prefill, P = prompt_;
  const std::string_view policy = method_.prefill->name;
  const int w = policy == "streamingllm" ? C / 2 : method_.budgets.observation;
  for (size_t g = 0; g < heads_[layer].size(); ++g) {
    Head& head = heads_[layer][g];
    if (policy != "full" && C != 0 && P > C) {
      std::vector<int> before_window(static_cast<size_t>(P - w));
      for (int j = 0; j < P - w; ++j) before_window[static_cast<size_t>(j)] = j;
      std::vector<int> kept;
      if (policy == "streamingllm") {
        kept.assign(before_window.begin(), before_window.begin() + (C - w));
      } else {
        Vector scores = policy == "h2o" ? head.received : window_received_[layer][g];
        scores.resize(static_cast<size_t>(P - w));
        if (policy == "snapkv") {
          const Vector raw = scores;
          for (int j = 0; j < P - w; ++j) {
            for (int i = std::max(0, j - 3); i <= std::min(P - w - 1, j + 3); ++i) {
              scores[static_cast<size_t>(j)] =
                  std::max(scores[static_cast<size_t>(j)], raw[static_cast<size_t>(i)]);
            }
          }
        }
        kept = Best(before_window, scores, C - w);
      }
      for (int j = P - w; j < P; ++j) kept.push_back(j);
      std::sort(kept.begin(), kept.end());
      head.seen = kept;
    }
    kept_[layer] = static_cast<int>(head.seen.size());
  }
}

void NaiveTwin::EvictAfterStep(size_t layer, size_t g, const Vector& step_scores) {
  const Budgets& b = method_.budgets;
  const std::string_view policy = method_.decode->name;
  if (policy == "none") return;
  Head& head = heads_[layer][g];
  const bool unified = policy == "slm" || policy == "h2o";
  const int t = position_ - prompt_;
  const int delta = std::max(1, (b.max_new - b.recent) / (b.window - b.recent));
  const bool grows = policy == "adaptive" || policy == "discontinuous";
  const int window = grows ? std::min(b.window, b.recent + t / delta) : b.window;
  const int base =
      unified ? (method_.prefill->name == "full" || b.prefill == 0 ? prompt_ : b.prefill) : kept_[layer];
  if (static_cast<int>(head.seen.size()) <= base + window) return;
  if (policy == "discontinuous") {
    if (t - last_selection_[layer] < delta) return;
    if (g + 1 == heads_[layer].size()) last_selection_[layer] = t;
  }
  std::vector<int> kept, candidates;
  const size_t first = unified ? 0 : static_cast<size_t>(kept_[layer]);
  const size_t recent_from = head.seen.size() - static_cast<size_t>(b.recent);
  for (size_t s = 0; s < head.seen.size(); ++s) {
    (s >= first && s < recent_from ? candidates : kept).push_back(head.seen[s]);
  }
  Vector scores = policy == "h2o" ? head.received : step_scores;
  if (policy == "slm") {
    for (size_t s = 0; s < scores.size(); ++s) scores[s] = -static_cast<double>(s);
  }
  const int keep = base + window - b.recent - static_cast<int>(first);
  for (int position : Best(candidates, scores, keep)) kept.push_back(position);
  std::sort(kept.begin(), kept.end());
  head.seen = kept;
}

}  // namespace kvscope
