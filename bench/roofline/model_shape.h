// Shapes of models that need not be there: models.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/dtype.h"

namespace kvscope::roofline {

struct Matrix {
  size_t rows = 0;
  size_t columns = 0;
};

struct ModelShape {
  std::string name;
  size_t layers = 0;
  size_t hidden = 0;
  size_t heads = 0;
  size_t kv_heads = 0;
  size_t head_dim = 0;
  size_t ffn = 0;
  size_t vocab = 0;
  bool tied_embeddings = false;
  DType weights = DType::kF32;  // of every matrix; norms are float

  // Of a layer: q, k, v, o, gate, up, down.
  std::vector<Matrix> LayerMatrices() const;
  Matrix head() const { return {vocab, hidden}; }

  // Parameters that every token is multiplied with: all matrices of the layers, and the head.
  uint64_t MultipliedParameters() const;
  // Bytes that a forward pass reads once: these parameters and the norms.
  uint64_t PassBytes() const;
  // Bytes in memory: an embedding that is not tied, too.
  uint64_t StoredBytes() const;
};

std::vector<ModelShape> ModelShapes();

// InvalidArgument, with the names that there are.
absl::StatusOr<ModelShape> FindModelShape(const std::string& name);
absl::StatusOr<DType> ParseDType(const std::string& name);

}  // namespace kvscope::roofline
