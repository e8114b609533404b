#include "runtime/cpu/transformer.h"

#include <utility>

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/matmul.h"

namespace kvscope {

Activations::Activations(size_t columns) : stride_(PaddedColumns(columns)) {}

void Activations::Resize(size_t rows) {
  if (data_.size() < rows * stride_) data_.resize(rows * stride_);
}

Transformer::Transformer(std::shared_ptr<const Model> model, Precision precision, int threads)
    : model_(std::move(model)),
      precision_(precision),
      pool_(threads),
      rope_(model_->config),
      normed_(model_->config.hidden),
      projected_(model_->config.hidden),
      gate_(model_->config.ffn),
      up_(model_->config.ffn) {}

void Transformer::Embed(std::span<const int> tokens, Activations& x) {
  x.Resize(tokens.size());
  for (size_t t = 0; t < tokens.size(); ++t) {
    DequantizeRowFast(model_->embedding, static_cast<size_t>(tokens[t]), x.row(t));
  }
}

void Transformer::Project(size_t layer, const Activations& x, size_t first, std::span<const int> positions,
                          Activations& q, Activations& k, Activations& v) {
  const LayerWeights& weights = model_->layers[layer];
  const size_t n = positions.size(), head_dim = config().head_dim;
  normed_.Resize(n);
  pool_.ParallelFor(n, [&](size_t i, int) {
    RmsNorm(x.row(first + i), weights.attention_norm.data(), config().hidden, config().rms_eps,
            normed_.row(i));
  });
  MatMul(weights.q, normed_.row(0), normed_.stride(), n, q.row(first), q.stride(), pool_);
  MatMul(weights.k, normed_.row(0), normed_.stride(), n, k.row(first), k.stride(), pool_);
  MatMul(weights.v, normed_.row(0), normed_.stride(), n, v.row(first), v.stride(), pool_);
  pool_.ParallelFor(n, [&](size_t i, int) {
    const auto position = static_cast<size_t>(positions[i]);
    const float* cosine = rope_.cosine(position);
    const float* sine = rope_.sine(position);
    for (size_t h = 0; h < config().heads; ++h)
      RotateHead(q.row(first + i) + h * head_dim, head_dim, cosine, sine);
    for (size_t h = 0; h < config().kv_heads; ++h) {
      RotateHead(k.row(first + i) + h * head_dim, head_dim, cosine, sine);
    }
  });
}

void Transformer::Finish(size_t layer, const Activations& attention, size_t first, size_t n, Activations& x) {
  const LayerWeights& weights = model_->layers[layer];
  const size_t hidden = config().hidden;
  projected_.Resize(n);
  normed_.Resize(n);
  gate_.Resize(n);
  up_.Resize(n);
  MatMul(weights.o, attention.row(first), attention.stride(), n, projected_.row(0), projected_.stride(),
         pool_);
  pool_.ParallelFor(n, [&](size_t i, int) {
    AddTo(x.row(first + i), projected_.row(i), hidden);
    RmsNorm(x.row(first + i), weights.ffn_norm.data(), hidden, config().rms_eps, normed_.row(i));
  });
  MatMul(weights.gate, normed_.row(0), normed_.stride(), n, gate_.row(0), gate_.stride(), pool_);
  MatMul(weights.up, normed_.row(0), normed_.stride(), n, up_.row(0), up_.stride(), pool_);
  pool_.ParallelFor(n, [&](size_t i, int) { SwiGlu(gate_.row(i), up_.row(i), config().ffn); });
  MatMul(weights.down, gate_.row(0), gate_.stride(), n, projected_.row(0), projected_.stride(), pool_);
  pool_.ParallelFor(n, [&](size_t i, int) { AddTo(x.row(first + i), projected_.row(i), hidden); });
}

void Transformer::Logits(const Activations& x, size_t first, size_t n, float* logits) {
  normed_.Resize(n);
  for (size_t i = 0; i < n; ++i) {
    RmsNorm(x.row(first + i), model_->final_norm.data(), config().hidden, config().rms_eps, normed_.row(i));
  }
  MatMul(model_->head, normed_.row(0), normed_.stride(), n, logits, config().vocab, pool_);
}

size_t Transformer::scratch_bytes() const {
  return normed_.bytes() + projected_.bytes() + gate_.bytes() + up_.bytes() + rope_.bytes();
}

}  // namespace kvscope
