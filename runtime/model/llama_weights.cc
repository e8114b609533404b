#include "runtime/model/llama_weights.h"

#include <charconv>
#include <optional>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// Tensors that some files carry and that follow from the config: rotary frequencies stored as buffers, and
// frequency divisors, which the GGUF loader reads by itself.
bool FollowsFromConfig(std::string_view name) {
  return name.ends_with("rotary_emb.inv_freq") || name == "rope_freqs.weight";
}

bool IsLayerTensor(std::string_view name, const LlamaNames& names, uint32_t layers) {
  if (!name.starts_with(names.layer_prefix)) return false;
  name.remove_prefix(names.layer_prefix.size());
  uint32_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || layer >= layers) return false;
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  if (!name.starts_with('.')) return false;
  name.remove_prefix(1);
  for (const std::string_view suffix : {names.attention_norm, names.q, names.k, names.v, names.o,
                                        names.ffn_norm, names.gate, names.up, names.down})
    if (name == suffix) return true;
  return false;
}

absl::Status RefuseUnknownTensors(const TensorMap& tensors, const LlamaNames& names, uint32_t layers,
                                  const std::string& source) {
  for (const auto& [name, tensor] : tensors) {
    const bool known = name == names.embedding || name == names.final_norm || name == names.head ||
                       IsLayerTensor(name, names, layers) || FollowsFromConfig(name);
    if (!known)
      return absl::UnimplementedError(fmt::format(
          "{}: tensor {}: expected only the tensors of a Llama model of {} layers", source, name, layers));
  }
  return absl::OkStatus();
}

}  // namespace

std::string LlamaNames::InLayer(uint32_t layer, std::string_view suffix) const {
  return fmt::format("{}{}.{}", layer_prefix, layer, suffix);
}

absl::Status FillWeights(const TensorMap& tensors, const LlamaNames& names, const std::string& source,
                         Model* model) {
  const ModelConfig& config = model->config;
  RETURN_IF_ERROR(RefuseUnknownTensors(tensors, names, config.layers, source));
  const auto matrix = [&](std::string_view name, uint64_t rows, uint64_t columns) {
    return FindMatrix(tensors, std::string(name), rows, columns, source);
  };
  const auto norm = [&](std::string_view name) {
    return FindVector(tensors, std::string(name), config.hidden, source);
  };
  const uint64_t q_rows = uint64_t{config.heads} * config.head_dim;
  const uint64_t kv_rows = uint64_t{config.kv_heads} * config.head_dim;

  ASSIGN_OR_RETURN(model->embedding, matrix(names.embedding, config.vocab, config.hidden));
  for (uint32_t l = 0; l < config.layers; ++l) {
    LayerWeights layer;
    ASSIGN_OR_RETURN(layer.attention_norm, norm(names.InLayer(l, names.attention_norm)));
    ASSIGN_OR_RETURN(layer.q, matrix(names.InLayer(l, names.q), q_rows, config.hidden));
    ASSIGN_OR_RETURN(layer.k, matrix(names.InLayer(l, names.k), kv_rows, config.hidden));
    ASSIGN_OR_RETURN(layer.v, matrix(names.InLayer(l, names.v), kv_rows, config.hidden));
    ASSIGN_OR_RETURN(layer.o, matrix(names.InLayer(l, names.o), config.hidden, q_rows));
    ASSIGN_OR_RETURN(layer.ffn_norm, norm(names.InLayer(l, names.ffn_norm)));
    ASSIGN_OR_RETURN(layer.gate, matrix(names.InLayer(l, names.gate), config.ffn, config.hidden));
    ASSIGN_OR_RETURN(layer.up, matrix(names.InLayer(l, names.up), config.ffn, config.hidden));
    ASSIGN_OR_RETURN(layer.down, matrix(names.InLayer(l, names.down), config.hidden, config.ffn));
    model->layers.push_back(std::move(layer));
  }
  ASSIGN_OR_RETURN(model->final_norm, norm(names.final_norm));
  if (config.tied_embeddings) {
    model->head = model->embedding;
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(model->head, matrix(names.head, config.vocab, config.hidden));
  return absl::OkStatus();
}

}  // namespace kvscope
