#include "runtime/model/model.h"

#include <filesystem>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/status_macros.h"
#include "runtime/model/llama_gguf.h"
#include "runtime/model/llama_huggingface.h"

namespace kvscope {

WeightCount CountWeights(const Model& model) {
  WeightCount count;
  const auto add_matrix = [&](const WeightMatrix& matrix) {
    count.parameters += matrix.rows * matrix.columns;
    count.bytes += matrix.rows * RowBytes(matrix.dtype, matrix.columns);
  };
  const auto add_norm = [&](const std::vector<float>& norm) {
    count.parameters += norm.size();
    count.bytes += norm.size() * sizeof(float);
  };
  add_matrix(model.embedding);
  if (!model.config.tied_embeddings) add_matrix(model.head);
  for (const LayerWeights& layer : model.layers) {
    for (const auto* matrix : {&layer.q, &layer.k, &layer.v, &layer.o, &layer.gate, &layer.up, &layer.down})
      add_matrix(*matrix);
    add_norm(layer.attention_norm);
    add_norm(layer.ffn_norm);
  }
  add_norm(model.final_norm);
  return count;
}

absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const std::string& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    ASSIGN_OR_RETURN(const HuggingFaceFiles files, ReadHuggingFaceFolder(path));
    ASSIGN_OR_RETURN(std::shared_ptr<Model> model, LoadLlamaHuggingFace(files));
    for (const HuggingFaceFiles::Weights& weights : files.weights) model->mapped.push_back(weights.bytes);
    return model;
  }
  ASSIGN_OR_RETURN(const auto file, MappedFile::Open(path));
  ASSIGN_OR_RETURN(std::shared_ptr<Model> model, LoadLlamaGguf(file, file->bytes(), path));
  model->mapped.push_back(file->bytes());
  return model;
}

}  // namespace kvscope
