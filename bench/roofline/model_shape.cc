#include "bench/roofline/model_shape.h"

#include <array>

#include "embedded/roofline_models.h"
#include "fmt/format.h"
#include "fmt/ranges.h"
#include "nlohmann/json.hpp"

namespace kvscope::roofline {
namespace {

constexpr std::array kDTypes = {DType::kF32,  DType::kF16,  DType::kBF16,
                                DType::kQ8_0, DType::kQ4_0, DType::kQ4_1};

uint64_t Bytes(DType type, const Matrix& matrix) { return matrix.rows * RowBytes(type, matrix.columns); }

}  // namespace

std::vector<Matrix> ModelShape::LayerMatrices() const {
  const size_t q = heads * head_dim, kv = kv_heads * head_dim;
  return {{q, hidden}, {kv, hidden}, {kv, hidden}, {hidden, q}, {ffn, hidden}, {ffn, hidden}, {hidden, ffn}};
}

uint64_t ModelShape::MultipliedParameters() const {
  uint64_t of_layer = 0;
  for (const Matrix& matrix : LayerMatrices()) of_layer += matrix.rows * matrix.columns;
  return layers * of_layer + vocab * hidden;
}

uint64_t ModelShape::PassBytes() const {
  uint64_t of_layer = 2 * hidden * sizeof(float);
  for (const Matrix& matrix : LayerMatrices()) of_layer += Bytes(weights, matrix);
  return layers * of_layer + hidden * sizeof(float) + Bytes(weights, head());
}

uint64_t ModelShape::StoredBytes() const {
  return PassBytes() + (tied_embeddings ? 0 : Bytes(weights, {vocab, hidden}));
}

std::vector<ModelShape> ModelShapes() {
  std::vector<ModelShape> shapes;
  const nlohmann::json file =
      nlohmann::json::parse(embedded::roofline_models());  // compiled in: tests read it
  for (const nlohmann::json& model : file) {
    shapes.push_back({.name = model.at("name"),
                      .layers = model.at("layers"),
                      .hidden = model.at("hidden"),
                      .heads = model.at("heads"),
                      .kv_heads = model.at("kv_heads"),
                      .head_dim = model.at("head_dim"),
                      .ffn = model.at("ffn"),
                      .vocab = model.at("vocab"),
                      .tied_embeddings = model.at("tied_embeddings"),
                      .weights = *ParseDType(model.at("weights"))});
  }
  return shapes;
}

absl::StatusOr<ModelShape> FindModelShape(const std::string& name) {
  std::vector<std::string> names;
  for (ModelShape& shape : ModelShapes()) {
    if (shape.name == name) return std::move(shape);
    names.push_back(shape.name);
  }
  return absl::InvalidArgumentError(
      fmt::format("model: expected one of {}, found '{}'", fmt::join(names, ", "), name));
}

absl::StatusOr<DType> ParseDType(const std::string& name) {
  std::vector<std::string_view> names;
  for (const DType type : kDTypes) {
    if (Name(type) == name) return type;
    names.push_back(Name(type));
  }
  return absl::InvalidArgumentError(
      fmt::format("weights: expected one of {}, found '{}'", fmt::join(names, ", "), name));
}

}  // namespace kvscope::roofline
