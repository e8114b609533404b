// A loaded model: its shape and its weights, in the file's own element types, from GGUF or a Hugging Face
// folder.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernels/weight_matrix.h"
#include "nlohmann/json.hpp"
#include "runtime/model/model_config.h"

namespace kvscope {

struct LayerWeights {
  std::vector<float> attention_norm;  // [hidden]
  WeightMatrix q;               // [heads * head_dim, hidden], rows in Hugging Face order (rotate-half RoPE)
  WeightMatrix k;               // [kv_heads * head_dim, hidden], likewise
  WeightMatrix v;               // [kv_heads * head_dim, hidden]
  WeightMatrix o;               // [hidden, heads * head_dim]
  std::vector<float> ffn_norm;  // [hidden]
  WeightMatrix gate;            // [ffn, hidden]
  WeightMatrix up;              // [ffn, hidden]
  WeightMatrix down;            // [hidden, ffn]
};

struct Model {
  ModelConfig config;
  WeightMatrix embedding;  // [vocab, hidden]
  std::vector<LayerWeights> layers;
  std::vector<float> final_norm;  // [hidden]
  WeightMatrix head;              // [vocab, hidden]; the embedding again where config.tied_embeddings

  std::string path;           // the .gguf file or the folder
  std::string sha256;         // of the weight file; for sharded folders, of the shards' digests in name order
  std::string chat_template;  // Jinja source from the model's files; empty where there is none
  nlohmann::json tokenizer;   // the content of tokenizer.json, or the same fields made from GGUF's metadata
  std::vector<std::shared_ptr<const void>> owners;  // keep mapped files and permuted copies alive
  std::vector<std::span<const std::byte>> mapped;   // files of these, whose pages can be read again at any time
};

struct WeightCount {
  uint64_t parameters = 0;
  uint64_t bytes = 0;  // as stored; norms as floats
};

// Everything a forward pass reads; a tied embedding counts once.
WeightCount CountWeights(const Model& model);

// `path` is a .gguf file or a folder with config.json, model.safetensors (or its index and shards) and
// tokenizer.json. A folder without tokenizer.json loads; its `tokenizer` is null. NotFound: a file is absent.
// DataLoss: damaged, truncated, or fields that contradict each other (the message names file, field, expected
// and found). Unimplemented: another architecture, element type or RoPE scaling.
absl::StatusOr<std::shared_ptr<const Model>> LoadModel(const std::string& path);

}  // namespace kvscope
