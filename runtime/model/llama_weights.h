// From the named tensors of a weight file to the layers of a Model.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "runtime/model/model.h"
#include "runtime/model/stored_tensor.h"

namespace kvscope {

// How a format names the tensors of a Llama model. A layer's tensor is `layer_prefix`, the layer's number
// from 0, a dot, and the suffix here.
struct LlamaNames {
  std::string_view embedding;
  std::string_view final_norm;
  std::string_view head;
  std::string_view layer_prefix;
  std::string_view attention_norm, q, k, v, o, ffn_norm, gate, up, down;

  std::string InLayer(uint32_t layer, std::string_view suffix) const;
};

// Fills embedding, layers, final_norm and head of `model`, whose config is set and checked. With tied
// embeddings the head is the embedding, and a stored head is not read. `source` (the file) stands in
// messages. Unimplemented: a tensor that a Llama model does not have, such as a bias. DataLoss: see
// FindMatrix.
absl::Status FillWeights(const TensorMap& tensors, const LlamaNames& names, const std::string& source,
                         Model* model);

}  // namespace kvscope
