#include "runtime/cpu/transformer.h"

#include "kernels/cpu/elementwise.h"
#include "runtime/cpu/exact_transformer.h"
#include "runtime/cpu/packed_transformer.h"

namespace kvscope {

void Transformer::Rotate(std::span<const int> positions, size_t first, Activations& q, Activations& k) {
  const size_t head_dim = config().head_dim;
  ForRows(positions.size(), [&](size_t i) {
    const auto position = static_cast<size_t>(positions[i]);
    const float* cosine = rope_.cosine(position);
    const float* sine = rope_.sine(position);
    for (size_t h = 0; h < config().heads; ++h)
      RotateHead(q.row(first + i) + h * head_dim, head_dim, cosine, sine);
    for (size_t h = 0; h < config().kv_heads; ++h)
      RotateHead(k.row(first + i) + h * head_dim, head_dim, cosine, sine);
  });
}

std::unique_ptr<Transformer> MakeTransformer(std::shared_ptr<const Model> model, Precision precision,
                                             int threads) {
  if (precision == Precision::kBF16) return std::make_unique<PackedTransformer>(std::move(model), threads);
  return std::make_unique<ExactTransformer>(std::move(model), threads);
}

}  // namespace kvscope
