#include "runtime/engine/test_model.h"

#include <cmath>
#include <random>
#include <vector>

namespace kvscope {

std::shared_ptr<const Model> MakeTestModel(uint32_t seed, const TestModelShape& shape) {
  std::mt19937 random(seed);
  auto model = std::make_shared<Model>();
  const auto matrix = [&](size_t rows, size_t columns, float gain) {
    // Uniform draws made by hand: the standard's distributions differ between libraries.
    auto weights = std::make_shared<std::vector<float>>(rows * columns);
    const float range = gain * std::sqrt(3.0f / static_cast<float>(columns));
    for (float& weight : *weights) weight = range * (static_cast<float>(random()) * 0x1p-31f - 1.0f);
    model->owners.push_back(weights);
    return WeightMatrix{DType::kF32, rows, columns, reinterpret_cast<const std::byte*>(weights->data())};
  };
  ModelConfig& config = model->config;
  config.layers = shape.layers;
  config.hidden = shape.hidden;
  config.heads = shape.heads;
  config.kv_heads = shape.kv_heads;
  config.head_dim = shape.head_dim;
  config.ffn = shape.ffn;
  config.vocab = shape.vocab;
  config.max_positions = 4096;
  config.eos = {0};
  const size_t q = shape.heads * shape.head_dim, kv = shape.kv_heads * shape.head_dim;
  model->embedding = matrix(shape.vocab, shape.hidden, 1.0f);
  for (uint32_t layer = 0; layer < shape.layers; ++layer) {
    LayerWeights weights;
    weights.attention_norm.assign(shape.hidden, 1.0f);
    weights.ffn_norm.assign(shape.hidden, 1.0f);
    weights.q = matrix(q, shape.hidden, 1.6f);
    weights.k = matrix(kv, shape.hidden, 1.6f);
    weights.v = matrix(kv, shape.hidden, 1.0f);
    weights.o = matrix(shape.hidden, q, 1.0f);
    weights.gate = matrix(shape.ffn, shape.hidden, 1.0f);
    weights.up = matrix(shape.ffn, shape.hidden, 1.0f);
    weights.down = matrix(shape.hidden, shape.ffn, 1.0f);
    model->layers.push_back(std::move(weights));
  }
  model->final_norm.assign(shape.hidden, 1.0f);
  model->head = matrix(shape.vocab, shape.hidden, 2.0f);
  model->path = "test model";
  return model;
}

}  // namespace kvscope
