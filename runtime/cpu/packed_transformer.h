// Precision::kBF16: repacked weights in the file's own type, activations rounded before each product.
#pragma once

#include "kernels/cpu/activation_rows.h"
#include "runtime/cpu/packed_model.h"
#include "runtime/cpu/transformer.h"

namespace kvscope {

class PackedTransformer : public Transformer {
 public:
  PackedTransformer(std::shared_ptr<const Model> model, int threads);

  Precision precision() const override { return Precision::kBF16; }
  size_t prefill_rows() const override;
  void Embed(std::span<const int> tokens, Activations& x) override;
  void Project(Pass pass, size_t layer, const Activations& x, size_t first, std::span<const int> positions,
               Activations& q, Activations& k, Activations& v) override;
  void Finish(Pass pass, size_t layer, const Activations& attention, size_t first, size_t n,
              Activations& x) override;
  void Logits(const Activations& x, size_t first, size_t n, float* logits) override;

 private:
  size_t own_scratch_bytes() const override;
  // normed_ = RmsNorm of rows [first, first + n) of x.
  void Norm(const Activations& x, size_t first, size_t n, const std::vector<float>& weight,
            ActivationForms forms);

  PackedModel packed_;
  ActivationRows normed_;    // [rows, hidden]
  ActivationRows attended_;  // [rows, heads * head_dim]
  ActivationRows gated_;     // [rows, ffn]
  Activations projected_;    // [rows, hidden]
};

}  // namespace kvscope
