// Precision::kF32: the weights' own values, float products and sums. Prefill and decode give a row the same
// bits.
#pragma once

#include "runtime/cpu/transformer.h"

namespace kvscope {

class ExactTransformer : public Transformer {
 public:
  ExactTransformer(std::shared_ptr<const Model> model, int threads);

  Precision precision() const override { return Precision::kF32; }
  size_t prefill_rows() const override { return 128; }
  void Embed(std::span<const int> tokens, Activations& x) override;
  void Project(Pass pass, size_t layer, const Activations& x, size_t first, std::span<const int> positions,
               Activations& q, Activations& k, Activations& v) override;
  void Finish(Pass pass, size_t layer, const Activations& attention, size_t first, size_t n,
              Activations& x) override;
  void Logits(const Activations& x, size_t first, size_t n, float* logits) override;

 private:
  size_t own_scratch_bytes() const override;
  // y rows [first, first + n) = w times rows of x from x_first on.
  void Multiply(const WeightMatrix& w, const Activations& x, size_t x_first, size_t n, Activations& y,
                size_t first);

  Activations normed_;
  Activations projected_;
  Activations gate_;
  Activations up_;
};

}  // namespace kvscope
