#include "runtime/cpu/exact_transformer.h"

#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/matmul.h"

namespace kvscope {

ExactTransformer::ExactTransformer(std::shared_ptr<const Model> model, int threads)
    : Transformer(std::move(model), threads),
      normed_(config().hidden),
      projected_(config().hidden),
      gate_(config().ffn),
      up_(config().ffn) {}

void ExactTransformer::Embed(std::span<const int> tokens, Activations& x) {
  x.Resize(tokens.size());
  for (size_t t = 0; t < tokens.size(); ++t)
    DequantizeRowFast(model().embedding, static_cast<size_t>(tokens[t]), x.row(t));
}

void ExactTransformer::Multiply(const WeightMatrix& w, const Activations& x, size_t x_first, size_t n,
                                Activations& y, size_t first) {
  MatMul(w, x.row(x_first), x.stride(), n, y.row(first), y.stride(), pool());
}

void ExactTransformer::Project(Pass, size_t layer, const Activations& x, size_t first,
                               std::span<const int> positions, Activations& q, Activations& k,
                               Activations& v) {
  const LayerWeights& weights = model().layers[layer];
  const size_t n = positions.size();
  normed_.Resize(n);
  ForRows(n, [&](size_t i) {
    RmsNorm(x.row(first + i), weights.attention_norm.data(), config().hidden, config().rms_eps,
            normed_.row(i));
  });
  Multiply(weights.q, normed_, 0, n, q, first);
  Multiply(weights.k, normed_, 0, n, k, first);
  Multiply(weights.v, normed_, 0, n, v, first);
  Rotate(positions, first, q, k);
}

void ExactTransformer::Finish(Pass, size_t layer, const Activations& attention, size_t first, size_t n,
                              Activations& x) {
  const LayerWeights& weights = model().layers[layer];
  const size_t hidden = config().hidden;
  for (Activations* activations : {&projected_, &normed_, &gate_, &up_}) activations->Resize(n);
  Multiply(weights.o, attention, first, n, projected_, 0);
  ForRows(n, [&](size_t i) {
    AddTo(x.row(first + i), projected_.row(i), hidden);
    RmsNorm(x.row(first + i), weights.ffn_norm.data(), hidden, config().rms_eps, normed_.row(i));
  });
  Multiply(weights.gate, normed_, 0, n, gate_, 0);
  Multiply(weights.up, normed_, 0, n, up_, 0);
  ForRows(n, [&](size_t i) { SwiGlu(gate_.row(i), up_.row(i), config().ffn); });
  Multiply(weights.down, gate_, 0, n, projected_, 0);
  ForRows(n, [&](size_t i) { AddTo(x.row(first + i), projected_.row(i), hidden); });
}

void ExactTransformer::Logits(const Activations& x, size_t first, size_t n, float* logits) {
  normed_.Resize(n);
  for (size_t i = 0; i < n; ++i)
    RmsNorm(x.row(first + i), model().final_norm.data(), config().hidden, config().rms_eps, normed_.row(i));
  MatMul(model().head, normed_.row(0), normed_.stride(), n, logits, config().vocab, pool());
}

size_t ExactTransformer::own_scratch_bytes() const {
  return normed_.bytes() + projected_.bytes() + gate_.bytes() + up_.bytes();
}

}  // namespace kvscope
