#include "runtime/model/llama_huggingface.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "fmt/format.h"
#include "results/base/file.h"
#include "results/base/jsonl.h"
#include "results/base/sha256.h"
#include "results/base/status_macros.h"
#include "runtime/json_fields.h"
#include "runtime/model/llama_weights.h"
#include "runtime/model/safetensors.h"

namespace kvscope {
namespace {

using nlohmann::json;

constexpr LlamaNames kNames = {
    .embedding = "model.embed_tokens.weight",
    .final_norm = "model.norm.weight",
    .head = "lm_head.weight",
    .layer_prefix = "model.layers.",
    .attention_norm = "input_layernorm.weight",
    .q = "self_attn.q_proj.weight",
    .k = "self_attn.k_proj.weight",
    .v = "self_attn.v_proj.weight",
    .o = "self_attn.o_proj.weight",
    .ffn_norm = "post_attention_layernorm.weight",
    .gate = "mlp.gate_proj.weight",
    .up = "mlp.up_proj.weight",
    .down = "mlp.down_proj.weight",
};
constexpr std::string_view kWeights = "model.safetensors";
constexpr std::string_view kIndex = "model.safetensors.index.json";

absl::Status Unsupported(const std::string& where, std::string_view field, std::string_view expected,
                         const json& found) {
  return absl::UnimplementedError(
      fmt::format("{}: {}: expected {}, found {}", where, field, expected, Describe(found)));
}

// Settings that a Llama model has at one value only, wherever they are stored at all.
absl::Status RefuseVariants(const json& config, const std::string& where) {
  const json& architectures = Member(config, "architectures");
  const bool is_llama =
      architectures.is_array() && architectures.size() == 1 && architectures[0] == "LlamaForCausalLM";
  if (!is_llama)
    return Unsupported(
        where, "architectures", "[\"LlamaForCausalLM\"]",
        architectures.is_array() && architectures.size() == 1 ? architectures[0] : architectures);
  ASSIGN_OR_RETURN(const auto activation, GetFieldOr<std::string>(config, "hidden_act", "silu", where));
  if (activation != "silu") return Unsupported(where, "hidden_act", "silu", activation);
  for (const char* field : {"attention_bias", "mlp_bias"}) {
    ASSIGN_OR_RETURN(const bool has_bias, GetFieldOr<bool>(config, field, false, where));
    if (has_bias) return Unsupported(where, field, "false", true);
  }
  ASSIGN_OR_RETURN(const float rotated, GetFieldOr<float>(config, "partial_rotary_factor", 1.0f, where));
  if (rotated != 1.0f) return Unsupported(where, "partial_rotary_factor", "1", rotated);
  if (const json& quantization = Member(config, "quantization_config"); !quantization.is_null())
    return Unsupported(where, "quantization_config", "none", quantization);
  return absl::OkStatus();
}

// A token id, a list of them, or null.
absl::StatusOr<std::vector<int>> TokenIds(const json& config, std::string_view field,
                                          const std::string& where) {
  const json& value = Member(config, field);
  std::vector<int> ids;
  if (value.is_null()) return ids;
  for (size_t i = 0; i < (value.is_array() ? value.size() : 1); ++i) {
    const json& id = value.is_array() ? value[i] : value;
    if (NonNegative(id).value_or(UINT64_MAX) > INT32_MAX)
      return absl::DataLossError(
          fmt::format("{}: {}: expected a token id or a list of them, found {}", where, field, Describe(id)));
    ids.push_back(id.get<int>());
  }
  return ids;
}

// "rope_scaling" is the older form; newer folders have "rope_parameters", with theta inside.
absl::Status ReadRope(const json& config, const std::string& where, ModelConfig* out) {
  ASSIGN_OR_RETURN(out->rope_theta, GetFieldOr<float>(config, "rope_theta", 10000.0f, where));
  const bool newer = !Member(config, "rope_parameters").is_null();
  const std::string_view field = newer ? "rope_parameters" : "rope_scaling";
  const json& rope = Member(config, field);
  if (rope.is_null()) return absl::OkStatus();
  const std::string inside = fmt::format("{}: {}", where, field);
  ASSIGN_OR_RETURN(out->rope_theta, GetFieldOr<float>(rope, "rope_theta", out->rope_theta, inside));
  ASSIGN_OR_RETURN(const auto old_type, GetFieldOr<std::string>(rope, "type", "default", inside));
  ASSIGN_OR_RETURN(const auto type, GetFieldOr<std::string>(rope, "rope_type", old_type, inside));
  if (type == "default") return absl::OkStatus();
  if (type != "llama3") return Unsupported(inside, "rope_type", "default or llama3", type);
  RopeScaling scaling;
  ASSIGN_OR_RETURN(scaling.factor, GetField<float>(rope, "factor", inside));
  ASSIGN_OR_RETURN(scaling.low_freq_factor, GetField<float>(rope, "low_freq_factor", inside));
  ASSIGN_OR_RETURN(scaling.high_freq_factor, GetField<float>(rope, "high_freq_factor", inside));
  ASSIGN_OR_RETURN(scaling.original_max_positions,
                   GetField<uint32_t>(rope, "original_max_position_embeddings", inside));
  out->rope_scaling = scaling;
  return absl::OkStatus();
}

// Where a field is absent, the value is that of Hugging Face's LlamaConfig.
absl::StatusOr<ModelConfig> ReadConfig(const json& config, const json& generation,
                                       const std::string& folder) {
  const std::string where = folder + "/config.json";
  RETURN_IF_ERROR(RefuseVariants(config, where));
  ModelConfig out;
  ASSIGN_OR_RETURN(out.layers, GetField<uint32_t>(config, "num_hidden_layers", where));
  ASSIGN_OR_RETURN(out.hidden, GetField<uint32_t>(config, "hidden_size", where));
  ASSIGN_OR_RETURN(out.ffn, GetField<uint32_t>(config, "intermediate_size", where));
  ASSIGN_OR_RETURN(out.vocab, GetField<uint32_t>(config, "vocab_size", where));
  ASSIGN_OR_RETURN(out.max_positions, GetField<uint32_t>(config, "max_position_embeddings", where));
  ASSIGN_OR_RETURN(out.heads, GetField<uint32_t>(config, "num_attention_heads", where));
  ASSIGN_OR_RETURN(out.kv_heads, GetFieldOr<uint32_t>(config, "num_key_value_heads", out.heads, where));
  const uint32_t even_share = out.heads == 0 ? 0 : out.hidden / out.heads;
  ASSIGN_OR_RETURN(out.head_dim, GetFieldOr<uint32_t>(config, "head_dim", even_share, where));
  ASSIGN_OR_RETURN(out.rms_eps, GetFieldOr<float>(config, "rms_norm_eps", 1e-6f, where));
  ASSIGN_OR_RETURN(out.tied_embeddings, GetFieldOr<bool>(config, "tie_word_embeddings", false, where));
  RETURN_IF_ERROR(ReadRope(config, where, &out));
  ASSIGN_OR_RETURN(const auto bos, TokenIds(config, "bos_token_id", where));
  if (!bos.empty()) out.bos = bos.front();
  ASSIGN_OR_RETURN(out.eos, TokenIds(config, "eos_token_id", where));
  ASSIGN_OR_RETURN(const auto more_eos,
                   TokenIds(generation, "eos_token_id", folder + "/generation_config.json"));
  for (const int id : more_eos)
    if (std::ranges::find(out.eos, id) == out.eos.end()) out.eos.push_back(id);
  RETURN_IF_ERROR(CheckConfig(out, where));
  return out;
}

// A template is text, or a list of named ones of which "default" is the chat's.
absl::StatusOr<std::string> ReadChatTemplate(const HuggingFaceFiles& files, const json& tokenizer_config) {
  if (!files.chat_template.empty()) return files.chat_template;
  const json& value = Member(tokenizer_config, "chat_template");
  if (value.is_null()) return std::string();
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    for (const json& entry : value)
      if (Member(entry, "name") == "default" && Member(entry, "template").is_string())
        return Member(entry, "template").get<std::string>();
  }
  return absl::DataLossError(fmt::format(
      "{}/tokenizer_config.json: chat_template: expected a string or a list with one named default, found {}",
      files.path, Describe(value)));
}

absl::Status CheckIndex(const HuggingFaceFiles& files, const TensorMap& tensors) {
  if (files.index.empty()) return absl::OkStatus();
  const std::string where = fmt::format("{}/{}", files.path, kIndex);
  ASSIGN_OR_RETURN(const json index, ParseJson(files.index, where));
  for (const auto& [name, shard] : Member(index, "weight_map").items())
    if (!tensors.contains(name))
      return absl::DataLossError(fmt::format("{}: weight_map: tensor {}: expected in {}, found in no shard",
                                             where, name, Describe(shard)));
  return absl::OkStatus();
}

// Points a tensor that does not lie at a multiple of its element size at a copy that does: the format puts
// tensors anywhere.
void AlignTensor(StoredTensor* tensor, std::vector<std::shared_ptr<const void>>* owners) {
  if (reinterpret_cast<uintptr_t>(tensor->data) % BlockBytes(tensor->dtype) == 0) return;
  const uint64_t bytes = TensorBytes(tensor->dtype, tensor->shape).value_or(0);
  auto copy = std::make_shared<std::vector<std::byte>>(tensor->data, tensor->data + bytes);
  tensor->data = copy->data();
  owners->push_back(std::move(copy));
}

absl::StatusOr<TensorMap> ReadTensors(const HuggingFaceFiles& files, Model* model) {
  TensorMap tensors;
  std::string digests;
  for (const auto& weights : files.weights) {
    const std::string where = fmt::format("{}/{}", files.path, weights.name);
    ASSIGN_OR_RETURN(TensorMap shard, ParseSafetensors(weights.bytes, where));
    for (auto& [name, tensor] : shard) {
      AlignTensor(&tensor, &model->owners);
      if (!tensors.emplace(name, std::move(tensor)).second)
        return absl::DataLossError(
            fmt::format("{}: tensor {}: expected in one shard, found in two", where, name));
    }
    digests += Sha256Hex({reinterpret_cast<const char*>(weights.bytes.data()), weights.bytes.size()});
    model->owners.push_back(weights.owner);
  }
  model->sha256 = files.index.empty() ? digests : Sha256Hex(digests);
  RETURN_IF_ERROR(CheckIndex(files, tensors));
  return tensors;
}

absl::StatusOr<json> ParseOptional(const std::string& text, const std::string& where) {
  if (text.empty()) return json();
  return ParseJson(text, where);
}

absl::StatusOr<std::string> ReadOptional(const std::string& path) {
  auto text = ReadFile(path);
  if (absl::IsNotFound(text.status())) return std::string();
  return text;
}

// Names of the weight files, in order.
absl::StatusOr<std::vector<std::string>> WeightNames(const HuggingFaceFiles& files) {
  if (files.index.empty()) return std::vector{std::string(kWeights)};
  const std::string where = fmt::format("{}/{}", files.path, kIndex);
  ASSIGN_OR_RETURN(const json index, ParseJson(files.index, where));
  const json& map = Member(index, "weight_map");
  if (!map.is_object() || map.empty())
    return absl::DataLossError(
        fmt::format("{}: weight_map: expected an object of file names, found {}", where, Describe(map)));
  std::vector<std::string> names;
  for (const json& name : map) {
    // A name alone: an index must not reach outside its folder.
    if (!name.is_string() || name.get<std::string>().find('/') != std::string::npos)
      return absl::DataLossError(fmt::format(
          "{}: weight_map: expected names of files in this folder, found {}", where, Describe(name)));
    names.push_back(name.get<std::string>());
  }
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace

absl::StatusOr<HuggingFaceFiles> ReadHuggingFaceFolder(const std::string& path) {
  HuggingFaceFiles files;
  files.path = path;
  ASSIGN_OR_RETURN(files.config, ReadFile(path + "/config.json"));
  ASSIGN_OR_RETURN(files.generation_config, ReadOptional(path + "/generation_config.json"));
  ASSIGN_OR_RETURN(files.tokenizer, ReadOptional(path + "/tokenizer.json"));
  ASSIGN_OR_RETURN(files.tokenizer_config, ReadOptional(path + "/tokenizer_config.json"));
  ASSIGN_OR_RETURN(files.chat_template, ReadOptional(path + "/chat_template.jinja"));
  if (!std::filesystem::exists(fmt::format("{}/{}", path, kWeights))) {
    ASSIGN_OR_RETURN(files.index, ReadOptional(fmt::format("{}/{}", path, kIndex)));
  }
  ASSIGN_OR_RETURN(const auto names, WeightNames(files));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(auto mapped, MappedFile::Open(fmt::format("{}/{}", path, name)));
    files.weights.push_back({.name = name, .bytes = mapped->bytes(), .owner = mapped});
  }
  return files;
}

absl::StatusOr<std::shared_ptr<Model>> LoadLlamaHuggingFace(const HuggingFaceFiles& files) {
  const auto where = [&](std::string_view name) { return fmt::format("{}/{}", files.path, name); };
  ASSIGN_OR_RETURN(const json config, ParseJson(files.config, where("config.json")));
  ASSIGN_OR_RETURN(const json generation,
                   ParseOptional(files.generation_config, where("generation_config.json")));
  ASSIGN_OR_RETURN(const json tokenizer_config,
                   ParseOptional(files.tokenizer_config, where("tokenizer_config.json")));
  auto model = std::make_shared<Model>();
  model->path = files.path;
  ASSIGN_OR_RETURN(model->config, ReadConfig(config, generation, files.path));
  ASSIGN_OR_RETURN(const TensorMap tensors, ReadTensors(files, model.get()));
  RETURN_IF_ERROR(FillWeights(tensors, kNames, files.path, model.get()));
  ASSIGN_OR_RETURN(model->tokenizer, ParseOptional(files.tokenizer, where("tokenizer.json")));
  ASSIGN_OR_RETURN(model->chat_template, ReadChatTemplate(files, tokenizer_config));
  return model;
}

}  // namespace kvscope
