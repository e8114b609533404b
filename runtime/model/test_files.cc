#include "runtime/model/test_files.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <span>
#include <utility>

#include "fmt/format.h"
#include "kernels/half.h"
#include "nlohmann/json.hpp"

namespace kvscope::testing_files {
namespace {

constexpr uint64_t kAlignment = 32;
constexpr uint32_t kLayers = 2;
constexpr uint32_t kHidden = 64;
constexpr uint32_t kHeads = 4;
constexpr uint32_t kKvHeads = 2;
constexpr uint32_t kHeadDim = 16;
constexpr uint32_t kFfn = 32;
constexpr uint32_t kVocab = 8;
// The tensors with these suffixes have their rows interleaved in GGUF.
constexpr std::string_view kQ = "self_attn.q_proj.weight";
constexpr std::string_view kK = "self_attn.k_proj.weight";

template <typename T>
void Append(std::string* out, T value) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void AppendString(std::string* out, std::string_view text) {
  Append<uint64_t>(out, text.size());
  out->append(text);
}

std::vector<std::byte> ToBytes(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

uint32_t GgmlNumber(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return 0;
    case DType::kF16:
      return 1;
    case DType::kBF16:
      return 30;
    case DType::kQ8_0:
      return 8;
    case DType::kQ4_0:
      return 2;
    case DType::kQ4_1:
      return 3;
  }
  return UINT32_MAX;
}

void PutHalf(std::byte* at, uint16_t half) { std::memcpy(at, &half, sizeof(half)); }

// Rows 2 i and 2 i + 1 of a head are its rows i and i + head_dim / 2.
void Interleave(TestTensor* tensor) {
  const std::vector<std::byte> ordered = tensor->bytes;
  const size_t row_bytes = RowBytes(tensor->dtype, tensor->shape[1]);
  for (size_t row = 0; row < tensor->shape[0]; ++row) {
    const size_t i = row % kHeadDim;
    const size_t from = row - i + i / 2 + i % 2 * (kHeadDim / 2);
    std::copy_n(ordered.begin() + static_cast<ptrdiff_t>(from * row_bytes), row_bytes,
                tensor->bytes.begin() + static_cast<ptrdiff_t>(row * row_bytes));
  }
}

std::string GgufName(std::string name) {
  const std::pair<std::string_view, std::string_view> parts[] = {{"model.embed_tokens", "token_embd"},
                                                                 {"model.norm", "output_norm"},
                                                                 {"lm_head", "output"},
                                                                 {"model.layers.", "blk."},
                                                                 {"input_layernorm", "attn_norm"},
                                                                 {"post_attention_layernorm", "ffn_norm"},
                                                                 {"self_attn.q_proj", "attn_q"},
                                                                 {"self_attn.k_proj", "attn_k"},
                                                                 {"self_attn.v_proj", "attn_v"},
                                                                 {"self_attn.o_proj", "attn_output"},
                                                                 {"mlp.gate_proj", "ffn_gate"},
                                                                 {"mlp.up_proj", "ffn_up"},
                                                                 {"mlp.down_proj", "ffn_down"}};
  for (const auto& [from, to] : parts)
    if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
  return name;
}

}  // namespace

TestTensor RandomTensor(std::string name, DType dtype, std::vector<uint64_t> shape, uint32_t seed) {
  size_t rows = 1;
  for (size_t i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
  std::mt19937 random(seed);
  const auto number = [&] { return static_cast<float>(random() >> 8) * 0x1p-23f - 1.0f; };
  std::vector<std::byte> bytes(rows * RowBytes(dtype, shape.back()));
  for (size_t at = 0; at < bytes.size(); at += BlockBytes(dtype)) {
    std::byte* block = bytes.data() + at;
    if (dtype == DType::kF32) {
      const float value = number();
      std::memcpy(block, &value, sizeof(value));
    } else if (dtype == DType::kBF16) {
      PutHalf(block, F32ToBF16(number()));
    } else if (dtype == DType::kF16) {
      PutHalf(block, F32ToF16(number()));
    } else {
      for (size_t i = 2; i < BlockBytes(dtype); ++i) block[i] = static_cast<std::byte>(random());
      PutHalf(block, F32ToF16(number() / 128));
      if (dtype == DType::kQ4_1) PutHalf(block + 2, F32ToF16(number()));
    }
  }
  return {.name = std::move(name), .dtype = dtype, .shape = std::move(shape), .bytes = std::move(bytes)};
}

GgufBuilder& GgufBuilder::Raw(std::string_view key, uint32_t type, std::string_view value) {
  AppendString(&metadata_, key);
  Append(&metadata_, type);
  metadata_.append(value);
  ++metadata_count_;
  return *this;
}

GgufBuilder& GgufBuilder::Uint32(std::string_view key, uint32_t value) {
  std::string bytes;
  Append(&bytes, value);
  return Raw(key, 4, bytes);
}

GgufBuilder& GgufBuilder::Float(std::string_view key, float value) {
  std::string bytes;
  Append(&bytes, value);
  return Raw(key, 6, bytes);
}

GgufBuilder& GgufBuilder::Bool(std::string_view key, bool value) {
  return Raw(key, 7, std::string(1, value ? '\1' : '\0'));
}

GgufBuilder& GgufBuilder::String(std::string_view key, std::string_view value) {
  std::string bytes;
  AppendString(&bytes, value);
  return Raw(key, 8, bytes);
}

GgufBuilder& GgufBuilder::Strings(std::string_view key, const std::vector<std::string>& values) {
  std::string bytes;
  Append<uint32_t>(&bytes, 8);
  Append<uint64_t>(&bytes, values.size());
  for (const std::string& value : values) AppendString(&bytes, value);
  return Raw(key, 9, bytes);
}

GgufBuilder& GgufBuilder::Int32s(std::string_view key, const std::vector<int32_t>& values) {
  std::string bytes;
  Append<uint32_t>(&bytes, 5);
  Append<uint64_t>(&bytes, values.size());
  for (const int32_t value : values) Append(&bytes, value);
  return Raw(key, 9, bytes);
}

GgufBuilder& GgufBuilder::Tensor(TestTensor tensor) {
  tensors_.push_back(std::move(tensor));
  return *this;
}

std::vector<std::byte> GgufBuilder::Build(uint32_t version) const {
  std::string file = "GGUF";
  Append(&file, version);
  Append<uint64_t>(&file, tensors_.size());
  Append(&file, metadata_count_);
  file += metadata_;
  const auto padded = [](uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; };
  uint64_t offset = 0;
  for (const TestTensor& tensor : tensors_) {
    AppendString(&file, tensor.name);
    Append(&file, static_cast<uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) Append(&file, *size);
    Append(&file, GgmlNumber(tensor.dtype));
    Append(&file, offset);
    offset = padded(offset + tensor.bytes.size());
  }
  for (const TestTensor& tensor : tensors_) {
    file.resize(padded(file.size()));
    file.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  return ToBytes(file);
}

std::vector<std::byte> BuildSafetensors(std::string_view header, size_t data_bytes) {
  std::string file;
  AppendString(&file, header);
  file.resize(file.size() + data_bytes);
  return ToBytes(file);
}

std::vector<std::byte> BuildSafetensors(const std::vector<TestTensor>& tensors, size_t header_multiple) {
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t offset = 0;
  for (const TestTensor& tensor : tensors) {
    header[tensor.name] = {{"dtype", Name(tensor.dtype)},
                           {"shape", tensor.shape},
                           {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + header_multiple - 1) / header_multiple * header_multiple, ' ');
  std::vector<std::byte> file = BuildSafetensors(text, 0);
  for (const TestTensor& tensor : tensors) file.insert(file.end(), tensor.bytes.begin(), tensor.bytes.end());
  return file;
}

std::vector<TestTensor> TinyLlama::Tensors() const {
  std::vector<TestTensor> tensors;
  uint32_t seed = 1;
  const auto matrix = [&](std::string name, uint64_t rows, uint64_t columns) {
    tensors.push_back(RandomTensor(std::move(name), dtype, {rows, columns}, seed++));
  };
  const auto norm = [&](std::string name) {
    tensors.push_back(RandomTensor(std::move(name), DType::kF32, {kHidden}, seed++));
  };
  matrix("model.embed_tokens.weight", kVocab, kHidden);
  for (uint32_t l = 0; l < kLayers; ++l) {
    const std::string prefix = fmt::format("model.layers.{}.", l);
    norm(prefix + "input_layernorm.weight");
    matrix(prefix + std::string(kQ), kHeads * kHeadDim, kHidden);
    matrix(prefix + std::string(kK), kKvHeads * kHeadDim, kHidden);
    matrix(prefix + "self_attn.v_proj.weight", kKvHeads * kHeadDim, kHidden);
    matrix(prefix + "self_attn.o_proj.weight", kHidden, kHeads * kHeadDim);
    norm(prefix + "post_attention_layernorm.weight");
    matrix(prefix + "mlp.gate_proj.weight", kFfn, kHidden);
    matrix(prefix + "mlp.up_proj.weight", kFfn, kHidden);
    matrix(prefix + "mlp.down_proj.weight", kHidden, kFfn);
  }
  norm("model.norm.weight");
  if (!tied) matrix("lm_head.weight", kVocab, kHidden);
  return tensors;
}

ModelConfig TinyLlama::Config() const {
  return {.layers = kLayers,
          .hidden = kHidden,
          .heads = kHeads,
          .kv_heads = kKvHeads,
          .head_dim = kHeadDim,
          .ffn = kFfn,
          .vocab = kVocab,
          .max_positions = 128,
          .rms_eps = 1e-5f,
          .rope_theta = 10000.0f,
          .rope_scaling = std::nullopt,
          .rope_divisors = {},
          .tied_embeddings = tied,
          .bos = 0,
          .eos = {1}};
}

GgufBuilder TinyLlama::Gguf() const {
  GgufBuilder builder;
  builder.String("general.architecture", "llama")
      .Uint32("llama.block_count", kLayers)
      .Uint32("llama.context_length", 128)
      .Uint32("llama.embedding_length", kHidden)
      .Uint32("llama.feed_forward_length", kFfn)
      .Uint32("llama.attention.head_count", kHeads)
      .Uint32("llama.attention.head_count_kv", kKvHeads)
      .Float("llama.rope.freq_base", 10000.0f)
      .Float("llama.attention.layer_norm_rms_epsilon", 1e-5f)
      .Uint32("llama.rope.dimension_count", kHeadDim)
      .String("tokenizer.ggml.model", "gpt2")
      .String("tokenizer.ggml.pre", "smollm")
      .Strings("tokenizer.ggml.tokens", {"<s>", "</s>", "a", "b", "c", "ab", "abc", "Ġ"})
      .Int32s("tokenizer.ggml.token_type", {3, 3, 1, 1, 1, 1, 1, 1})
      .Strings("tokenizer.ggml.merges", {"a b", "ab c"})
      .Uint32("tokenizer.ggml.bos_token_id", 0)
      .Uint32("tokenizer.ggml.eos_token_id", 1);
  for (TestTensor& tensor : Tensors()) {
    if (tensor.name.ends_with(kQ) || tensor.name.ends_with(kK)) Interleave(&tensor);
    tensor.name = GgufName(tensor.name);
    builder.Tensor(std::move(tensor));
  }
  return builder;
}

HuggingFaceFiles TinyLlama::HuggingFace() const {
  HuggingFaceFiles files;
  files.path = "tiny";
  files.config = nlohmann::json({{"architectures", {"LlamaForCausalLM"}},
                                 {"num_hidden_layers", kLayers},
                                 {"hidden_size", kHidden},
                                 {"intermediate_size", kFfn},
                                 {"num_attention_heads", kHeads},
                                 {"num_key_value_heads", kKvHeads},
                                 {"vocab_size", kVocab},
                                 {"max_position_embeddings", 128},
                                 {"rms_norm_eps", 1e-5},
                                 {"rope_theta", 10000.0},
                                 {"rope_scaling", nullptr},
                                 {"tie_word_embeddings", tied},
                                 {"bos_token_id", 0},
                                 {"eos_token_id", 1}})
                     .dump();
  auto bytes = std::make_shared<const std::vector<std::byte>>(BuildSafetensors(Tensors()));
  files.weights.push_back({.name = "model.safetensors", .bytes = *bytes, .owner = bytes});
  return files;
}

std::string FirstDifference(const Model& model, const std::vector<TestTensor>& tensors) {
  std::string difference;
  const auto compare = [&](const std::string& name, DType dtype, const std::vector<uint64_t>& shape,
                           const void* data) {
    if (!difference.empty()) return;
    const auto tensor = std::ranges::find(tensors, name, &TestTensor::name);
    if (tensor == tensors.end()) {
      difference = name + ": made from nothing";
    } else if (dtype != tensor->dtype || shape != tensor->shape) {
      difference = name + ": another element type or shape";
    } else if (std::memcmp(data, tensor->bytes.data(), tensor->bytes.size()) != 0) {
      difference = name + ": other numbers";
    }
  };
  const auto compare_matrix = [&](const std::string& name, const WeightMatrix& matrix) {
    compare(name, matrix.dtype, {matrix.rows, matrix.columns}, matrix.data);
  };
  const auto compare_norm = [&](const std::string& name, const std::vector<float>& norm) {
    compare(name, DType::kF32, {norm.size()}, norm.data());
  };
  const std::string embedding = "model.embed_tokens.weight";
  compare_matrix(embedding, model.embedding);
  compare_matrix(model.config.tied_embeddings ? embedding : "lm_head.weight", model.head);
  compare_norm("model.norm.weight", model.final_norm);
  if (model.layers.size() != kLayers) return fmt::format("{} layers", model.layers.size());
  for (size_t l = 0; l < model.layers.size(); ++l) {
    const std::string prefix = fmt::format("model.layers.{}.", l);
    const LayerWeights& layer = model.layers[l];
    compare_norm(prefix + "input_layernorm.weight", layer.attention_norm);
    compare_matrix(prefix + std::string(kQ), layer.q);
    compare_matrix(prefix + std::string(kK), layer.k);
    compare_matrix(prefix + "self_attn.v_proj.weight", layer.v);
    compare_matrix(prefix + "self_attn.o_proj.weight", layer.o);
    compare_norm(prefix + "post_attention_layernorm.weight", layer.ffn_norm);
    compare_matrix(prefix + "mlp.gate_proj.weight", layer.gate);
    compare_matrix(prefix + "mlp.up_proj.weight", layer.up);
    compare_matrix(prefix + "mlp.down_proj.weight", layer.down);
  }
  return difference;
}

std::string CachedSmolLm2() {
  const auto environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string roots[] = {environment("KVSCOPE_CACHE"), environment("XDG_CACHE_HOME") + "/kvscope",
                               environment("HOME") + "/.cache/kvscope"};
  for (const std::string& root : roots) {
    const std::string path = root + "/models/smollm2-135m/SmolLM2-135M-Instruct.Q4_1.gguf";
    std::error_code error;
    if (std::filesystem::is_regular_file(path, error)) return path;
  }
  return "";
}

}  // namespace kvscope::testing_files
