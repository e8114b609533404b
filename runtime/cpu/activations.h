// Rows of floats that a forward pass works on.
#pragma once

#include <cstddef>

#include "kernels/aligned.h"
#include "kernels/cpu/matmul.h"
#include "runtime/model/model_config.h"

namespace kvscope {

// Each row padded to whole vectors with zeros. Grows and never shrinks.
class Activations {
 public:
  explicit Activations(size_t columns) : stride_(PaddedColumns(columns)) {}

  // Makes room for `rows` rows; the content is unspecified but for the zero padding.
  void Resize(size_t rows) {
    if (data_.size() < rows * stride_) data_.resize(rows * stride_);
  }
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

}  // namespace kvscope
