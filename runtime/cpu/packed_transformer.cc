#include "runtime/cpu/packed_transformer.h"

#include <algorithm>

#include "kernels/cpu/elementwise.h"

namespace kvscope {

PackedTransformer::PackedTransformer(std::shared_ptr<const Model> model, int threads)
    : Transformer(std::move(model), threads),
      packed_(this->model(), pool()),
      normed_(config().hidden),
      attended_(size_t{config().heads} * config().head_dim),
      gated_(config().ffn),
      projected_(config().hidden) {}

size_t PackedTransformer::prefill_rows() const {
  // As many as leave the better part of a second-level cache of 1 or 2 MB to other things.
  constexpr size_t kActivationBytes = 640 << 10, kStep = 64, kLeast = 128, kMost = 512;
  const size_t row_bytes = config().hidden * sizeof(uint16_t);
  return std::clamp(kActivationBytes / row_bytes / kStep * kStep, kLeast, kMost);
}

void PackedTransformer::Embed(std::span<const int> tokens, Activations& x) {
  x.Resize(tokens.size());
  ForRows(tokens.size(), [&](size_t t) { packed_.Embed(static_cast<size_t>(tokens[t]), x.row(t)); });
}

void PackedTransformer::Norm(const Activations& x, size_t first, size_t n, const std::vector<float>& weight,
                             ActivationForms forms) {
  normed_.Resize(n, forms);
  ForRows(n, [&](size_t i) { normed_.SetRmsNorm(i, x.row(first + i), weight.data(), config().rms_eps); });
}

void PackedTransformer::Project(Pass pass, size_t layer, const Activations& x, size_t first,
                                std::span<const int> positions, Activations& q, Activations& k,
                                Activations& v) {
  const PackedLayer& weights = packed_.layer(layer);
  const size_t n = positions.size();
  Norm(x, first, n, model().layers[layer].attention_norm,
       FormsFor(weights.q, pass) | FormsFor(weights.k, pass) | FormsFor(weights.v, pass));
  PackedMatMul({{{weights.q, q.row(first), q.stride()},
                 {weights.k, k.row(first), k.stride()},
                 {weights.v, v.row(first), v.stride()}}},
               normed_, n, pass, pool());
  Rotate(positions, first, q, k);
}

void PackedTransformer::Finish(Pass pass, size_t layer, const Activations& attention, size_t first, size_t n,
                               Activations& x) {
  const PackedLayer& weights = packed_.layer(layer);
  const auto add_projected = [&](size_t i) { AddTo(x.row(first + i), projected_.row(i), config().hidden); };
  projected_.Resize(n);
  attended_.Resize(n, FormsFor(weights.o, pass));
  ForRows(n, [&](size_t i) { attended_.Set(i, attention.row(first + i)); });
  PackedMatMul({{{weights.o, projected_.row(0), projected_.stride()}}}, attended_, n, pass, pool());

  normed_.Resize(n, FormsFor(weights.gate, pass) | FormsFor(weights.up, pass));
  ForRows(n, [&](size_t i) {
    add_projected(i);
    normed_.SetRmsNorm(i, x.row(first + i), model().layers[layer].ffn_norm.data(), config().rms_eps);
  });
  gated_.Resize(n, FormsFor(weights.down, pass));
  PackedSwiGlu(weights.gate, weights.up, normed_, n, pass, gated_, pool());
  PackedMatMul({{{weights.down, projected_.row(0), projected_.stride()}}}, gated_, n, pass, pool());
  ForRows(n, add_projected);
}

void PackedTransformer::Logits(const Activations& x, size_t first, size_t n, float* logits) {
  Norm(x, first, n, model().final_norm, FormsFor(packed_.head(), Pass::kDecode));
  PackedMatMul({{{packed_.head(), logits, config().vocab}}}, normed_, n, Pass::kDecode, pool());
}

size_t PackedTransformer::own_scratch_bytes() const {
  return normed_.bytes() + attended_.bytes() + gated_.bytes() + projected_.bytes();
}

}  // namespace kvscope
