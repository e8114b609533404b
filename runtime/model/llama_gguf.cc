#include "runtime/model/llama_gguf.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"
#include "runtime/model/gguf.h"
#include "runtime/model/gguf_tokenizer.h"
#include "runtime/model/llama_weights.h"

namespace kvscope {
namespace {

constexpr LlamaNames kNames = {
    .embedding = "token_embd.weight",
    .final_norm = "output_norm.weight",
    .head = "output.weight",
    .layer_prefix = "blk.",
    .attention_norm = "attn_norm.weight",
    .q = "attn_q.weight",
    .k = "attn_k.weight",
    .v = "attn_v.weight",
    .o = "attn_output.weight",
    .ffn_norm = "ffn_norm.weight",
    .gate = "ffn_gate.weight",
    .up = "ffn_up.weight",
    .down = "ffn_down.weight",
};
constexpr std::string_view kRopeDivisors = "rope_freqs.weight";

template <typename T>
absl::Status Expect(const Gguf& file, std::string_view key, T expected) {
  ASSIGN_OR_RETURN(const T found, file.GetOr<T>(key, expected));
  if (found == expected) return absl::OkStatus();
  return absl::UnimplementedError(
      fmt::format("{}: metadata {}: expected {}, found {}", file.name(), key, expected, found));
}

// Settings that a Llama model has at one value only, wherever they are stored at all.
absl::Status RefuseVariants(const Gguf& file) {
  ASSIGN_OR_RETURN(const auto architecture, file.Get<std::string_view>("general.architecture"));
  if (architecture != "llama")
    return absl::UnimplementedError(fmt::format("{}: metadata general.architecture: expected llama, found {}",
                                                file.name(), architecture));
  RETURN_IF_ERROR(Expect<uint32_t>(file, "split.count", 1));
  RETURN_IF_ERROR(Expect<uint32_t>(file, "llama.expert_count", 0));
  RETURN_IF_ERROR(Expect<std::string_view>(file, "llama.rope.scaling.type", "none"));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<int>> EosIds(const Gguf& file) {
  std::vector<int> ids;
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    ASSIGN_OR_RETURN(const auto id, file.Find<uint32_t>(key));
    if (id && std::ranges::find(ids, static_cast<int>(*id)) == ids.end())
      ids.push_back(static_cast<int>(*id));
  }
  return ids;
}

absl::StatusOr<ModelConfig> ReadConfig(const Gguf& file) {
  ModelConfig config;
  ASSIGN_OR_RETURN(config.layers, file.Get<uint32_t>("llama.block_count"));
  ASSIGN_OR_RETURN(config.hidden, file.Get<uint32_t>("llama.embedding_length"));
  ASSIGN_OR_RETURN(config.ffn, file.Get<uint32_t>("llama.feed_forward_length"));
  ASSIGN_OR_RETURN(config.heads, file.Get<uint32_t>("llama.attention.head_count"));
  ASSIGN_OR_RETURN(config.kv_heads, file.GetOr<uint32_t>("llama.attention.head_count_kv", config.heads));
  ASSIGN_OR_RETURN(config.max_positions, file.Get<uint32_t>("llama.context_length"));
  ASSIGN_OR_RETURN(config.rms_eps, file.Get<float>("llama.attention.layer_norm_rms_epsilon"));
  ASSIGN_OR_RETURN(config.rope_theta, file.GetOr<float>("llama.rope.freq_base", 10000.0f));
  const uint32_t even_share = config.heads == 0 ? 0 : config.hidden / config.heads;
  ASSIGN_OR_RETURN(config.head_dim, file.GetOr<uint32_t>("llama.attention.key_length", even_share));
  RETURN_IF_ERROR(Expect<uint32_t>(file, "llama.attention.value_length", config.head_dim));
  RETURN_IF_ERROR(Expect<uint32_t>(file, "llama.rope.dimension_count", config.head_dim));

  const auto embedding = file.tensors().find(kNames.embedding);
  if (embedding == file.tensors().end())
    return absl::DataLossError(
        fmt::format("{}: tensor {}: found no such tensor", file.name(), kNames.embedding));
  // The key is optional; the embedding has a row a token whether it is there or not.
  const auto rows = static_cast<uint32_t>(std::min<uint64_t>(embedding->second.shape.front(), UINT32_MAX));
  ASSIGN_OR_RETURN(config.vocab, file.GetOr<uint32_t>("llama.vocab_size", rows));
  config.tied_embeddings = !file.tensors().contains(kNames.head);

  ASSIGN_OR_RETURN(const auto bos, file.Find<uint32_t>("tokenizer.ggml.bos_token_id"));
  if (bos) config.bos = static_cast<int>(*bos);
  ASSIGN_OR_RETURN(config.eos, EosIds(file));
  RETURN_IF_ERROR(CheckConfig(config, file.name()));
  if (file.tensors().contains(kRopeDivisors)) {
    ASSIGN_OR_RETURN(config.rope_divisors, FindVector(file.tensors(), std::string(kRopeDivisors),
                                                      config.head_dim / 2, file.name()));
    RETURN_IF_ERROR(CheckConfig(config, file.name()));
  }
  return config;
}

// llama.cpp rotates neighbouring elements, so its files hold the rows of Q and K with the two halves of each
// head interleaved. Puts them back in order. Rows are whole blocks, so nothing is requantized.
std::shared_ptr<const std::vector<std::byte>> Deinterleave(const WeightMatrix& stored, uint32_t head_dim) {
  const size_t row_bytes = RowBytes(stored.dtype, stored.columns);
  auto ordered = std::make_shared<std::vector<std::byte>>(stored.rows * row_bytes);
  const size_t half = head_dim / 2;
  for (size_t head_row = 0; head_row < stored.rows; head_row += head_dim) {
    for (size_t i = 0; i < head_dim; ++i) {
      const size_t from = head_row + 2 * (i % half) + i / half;
      std::memcpy(ordered->data() + (head_row + i) * row_bytes, stored.row(from), row_bytes);
    }
  }
  return ordered;
}

void DeinterleaveQueriesAndKeys(Model* model) {
  for (LayerWeights& layer : model->layers) {
    for (WeightMatrix* matrix : {&layer.q, &layer.k}) {
      auto ordered = Deinterleave(*matrix, model->config.head_dim);
      matrix->data = ordered->data();
      model->owners.push_back(std::move(ordered));
    }
  }
}

}  // namespace

absl::StatusOr<std::shared_ptr<Model>> LoadLlamaGguf(std::shared_ptr<const void> owner,
                                                     std::span<const std::byte> bytes,
                                                     const std::string& path) {
  ASSIGN_OR_RETURN(const Gguf file, Gguf::Parse(bytes, path));
  RETURN_IF_ERROR(RefuseVariants(file));
  auto model = std::make_shared<Model>();
  ASSIGN_OR_RETURN(model->config, ReadConfig(file));
  RETURN_IF_ERROR(FillWeights(file.tensors(), kNames, path, model.get()));
  DeinterleaveQueriesAndKeys(model.get());
  ASSIGN_OR_RETURN(model->tokenizer, TokenizerFromGguf(file, model->config));
  ASSIGN_OR_RETURN(const auto chat_template, file.GetOr<std::string_view>("tokenizer.chat_template", ""));
  model->chat_template = chat_template;
  model->path = path;
  model->sha256 = Sha256Hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  model->owners.push_back(std::move(owner));
  return model;
}

}  // namespace kvscope
