// The parts of a Llama block that prefill and decode share: projections, norms and feed-forward over rows of
// tokens.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "kernels/aligned.h"
#include "kernels/cpu/thread_pool.h"
#include "kernels/precision.h"
#include "runtime/cpu/rope_table.h"
#include "runtime/model/model.h"

namespace kvscope {

// Activations of floats, each padded to whole vectors with zeros. Grows and never shrinks.
class Activations {
 public:
  explicit Activations(size_t columns);

  // Makes room for `rows` rows; the content is unspecified but for the zero padding.
  void Resize(size_t rows);
  float* row(size_t r) { return data_.data() + r * stride_; }
  const float* row(size_t r) const { return data_.data() + r * stride_; }
  size_t stride() const { return stride_; }
  size_t bytes() const { return data_.size() * sizeof(float); }

 private:
  size_t stride_;
  AlignedVector<float> data_;  // [rows, stride]
};

// What a pass over tokens, of a prompt or of the batch's rows, works on.
struct BlockActivations {
  explicit BlockActivations(const ModelConfig& config)
      : x(config.hidden),
        q(config.heads * config.head_dim),
        k(config.kv_heads * config.head_dim),
        v(config.kv_heads * config.head_dim),
        attention(config.heads * config.head_dim) {}

  void Resize(size_t rows) {
    for (Activations* activations : {&x, &q, &k, &v, &attention}) activations->Resize(rows);
  }
  size_t bytes() const { return x.bytes() + q.bytes() + k.bytes() + v.bytes() + attention.bytes(); }

  Activations x, q, k, v, attention;  // [tokens, ...]
};

class Transformer {
 public:
  Transformer(std::shared_ptr<const Model> model, Precision precision, int threads);

  const Model& model() const { return *model_; }
  const ModelConfig& config() const { return model_->config; }
  Precision precision() const { return precision_; }
  ThreadPool& pool() { return pool_; }
  RopeTable& rope() { return rope_; }

  // x rows [0, tokens.size()) = embeddings.
  void Embed(std::span<const int> tokens, Activations& x);

  // Queries, keys and values of rows [first, first + n) of x for one layer, rotated by their positions.
  // q: [.., heads * head_dim], k, v: [.., kv_heads * head_dim], written at the same row numbers.
  // `positions`: [n].
  void Project(size_t layer, const Activations& x, size_t first, std::span<const int> positions,
               Activations& q, Activations& k, Activations& v);

  // x += o_proj(attention), then x += ffn(norm(x)), for rows [first, first + n).
  void Finish(size_t layer, const Activations& attention, size_t first, size_t n, Activations& x);

  // logits of row r of x: [vocab] each, rows [first, first + n).
  void Logits(const Activations& x, size_t first, size_t n, float* logits);

  size_t scratch_bytes() const;

 private:
  std::shared_ptr<const Model> model_;
  Precision precision_;
  ThreadPool pool_;
  RopeTable rope_;
  Activations normed_;
  Activations projected_;
  Activations gate_;
  Activations up_;
};

}  // namespace kvscope
