#include "runtime/model/model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>
#include <random>

#include "fmt/format.h"
#include "kernels/dequantize.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"
#include "results/base/sha256.h"
#include "runtime/model/llama_gguf.h"
#include "runtime/model/llama_huggingface.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

using nlohmann::json;
using testing_files::GgufBuilder;
using testing_files::RandomTensor;
using testing_files::TestTensor;
using testing_files::TinyLlama;

using LoadedModel = absl::StatusOr<std::shared_ptr<const Model>>;

LoadedModel Load(const GgufBuilder& builder) {
  auto bytes = std::make_shared<const std::vector<std::byte>>(builder.Build());
  return LoadLlamaGguf(bytes, *bytes, "tiny.gguf");
}

LoadedModel LoadWithConfig(const std::function<void(json&)>& change) {
  HuggingFaceFiles files = TinyLlama().HuggingFace();
  json config = json::parse(files.config);
  change(config);
  files.config = config.dump();
  return LoadLlamaHuggingFace(files);
}

void ExpectError(const LoadedModel& model, absl::StatusCode code, const std::string& fragment) {
  EXPECT_EQ(model.status().code(), code) << model.status();
  const std::string message(model.status().message());
  EXPECT_NE(message.find(fragment), std::string::npos) << message;
}

std::string Bytes(const WeightMatrix& matrix) {
  return {reinterpret_cast<const char*>(matrix.data), matrix.rows * RowBytes(matrix.dtype, matrix.columns)};
}

// Compares every weight of the model with the tensors it was made from.
void ExpectWeights(const Model& model, const std::vector<TestTensor>& tensors) {
  const auto find = [&](const std::string& name) -> const TestTensor& {
    for (const TestTensor& tensor : tensors)
      if (tensor.name == name) return tensor;
    ADD_FAILURE() << "no tensor " << name;
    return tensors.front();
  };
  const auto expect_matrix = [&](const WeightMatrix& matrix, const std::string& name) {
    const TestTensor& tensor = find(name);
    EXPECT_EQ(matrix.dtype, tensor.dtype) << name;
    ASSERT_EQ(matrix.rows, tensor.shape[0]) << name;
    ASSERT_EQ(matrix.columns, tensor.shape[1]) << name;
    EXPECT_EQ(std::memcmp(matrix.data, tensor.bytes.data(), tensor.bytes.size()), 0) << name;
  };
  const auto expect_norm = [&](const std::vector<float>& norm, const std::string& name) {
    const TestTensor& tensor = find(name);
    ASSERT_EQ(norm.size(), tensor.shape[0]) << name;
    EXPECT_EQ(std::memcmp(norm.data(), tensor.bytes.data(), tensor.bytes.size()), 0) << name;
  };
  expect_matrix(model.embedding, "model.embed_tokens.weight");
  expect_norm(model.final_norm, "model.norm.weight");
  expect_matrix(model.head, model.config.tied_embeddings ? "model.embed_tokens.weight" : "lm_head.weight");
  ASSERT_EQ(model.layers.size(), model.config.layers);
  for (size_t l = 0; l < model.layers.size(); ++l) {
    const std::string prefix = fmt::format("model.layers.{}.", l);
    const LayerWeights& layer = model.layers[l];
    expect_norm(layer.attention_norm, prefix + "input_layernorm.weight");
    expect_matrix(layer.q, prefix + "self_attn.q_proj.weight");
    expect_matrix(layer.k, prefix + "self_attn.k_proj.weight");
    expect_matrix(layer.v, prefix + "self_attn.v_proj.weight");
    expect_matrix(layer.o, prefix + "self_attn.o_proj.weight");
    expect_norm(layer.ffn_norm, prefix + "post_attention_layernorm.weight");
    expect_matrix(layer.gate, prefix + "mlp.gate_proj.weight");
    expect_matrix(layer.up, prefix + "mlp.up_proj.weight");
    expect_matrix(layer.down, prefix + "mlp.down_proj.weight");
  }
}

void ExpectTinyConfig(const ModelConfig& config) {
  EXPECT_EQ(config.layers, 2u);
  EXPECT_EQ(config.hidden, 64u);
  EXPECT_EQ(config.heads, 4u);
  EXPECT_EQ(config.kv_heads, 2u);
  EXPECT_EQ(config.head_dim, 16u);
  EXPECT_EQ(config.ffn, 32u);
  EXPECT_EQ(config.vocab, 8u);
  EXPECT_EQ(config.max_positions, 128u);
  EXPECT_EQ(config.rms_eps, 1e-5f);
  EXPECT_EQ(config.rope_theta, 10000.0f);
  EXPECT_EQ(config.bos, 0);
  EXPECT_EQ(config.eos, std::vector<int>{1});
}

// The builder interleaves the rows of Q and K with its own code; loading undoes it for every block format.
TEST(LoadGguf, EveryElementTypeAndTheRowOrderOfQAndK) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    for (const bool tied : {false, true}) {
      const TinyLlama tiny{.dtype = dtype, .tied = tied};
      const auto model = Load(tiny.Gguf());
      ASSERT_TRUE(model.ok()) << model.status();
      ExpectTinyConfig((*model)->config);
      EXPECT_EQ((*model)->config.tied_embeddings, tied);
      ExpectWeights(**model, tiny.Tensors());
      EXPECT_EQ((*model)->sha256.size(), 64u);
    }
  }
}

TEST(LoadHuggingFace, EveryElementType) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const bool tied : {false, true}) {
      const TinyLlama tiny{.dtype = dtype, .tied = tied};
      const auto model = LoadLlamaHuggingFace(tiny.HuggingFace());
      ASSERT_TRUE(model.ok()) << model.status();
      ExpectTinyConfig((*model)->config);
      EXPECT_EQ((*model)->config.tied_embeddings, tied);
      ExpectWeights(**model, tiny.Tensors());
      EXPECT_TRUE((*model)->tokenizer.is_null());
      EXPECT_EQ((*model)->chat_template, "");
    }
  }
}

// An odd header length puts every tensor at an odd address; the model's weights are aligned all the same.
TEST(LoadHuggingFace, TensorsAtOddAddressesAreMovedToEvenOnes) {
  const TinyLlama tiny;
  std::vector<std::byte> file;
  for (size_t multiple : {1009, 1013}) {
    file = testing_files::BuildSafetensors(tiny.Tensors(), multiple);
    uint64_t header = 0;
    std::memcpy(&header, file.data(), sizeof(header));
    if (header % 4 != 0) break;
  }
  HuggingFaceFiles files = tiny.HuggingFace();
  files.weights[0].bytes = file;
  const auto model = LoadLlamaHuggingFace(files);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectWeights(**model, tiny.Tensors());
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*model)->layers[1].down.data) % alignof(float), 0u);
}

TEST(LoadHuggingFace, Shards) {
  const TinyLlama tiny;
  const auto tensors = tiny.Tensors();
  const auto middle = tensors.begin() + 5;
  const auto first = testing_files::BuildSafetensors(std::vector(tensors.begin(), middle));
  const auto second = testing_files::BuildSafetensors(std::vector(middle, tensors.end()));
  HuggingFaceFiles files = tiny.HuggingFace();
  files.weights = {{.name = "model-1.safetensors", .bytes = first, .owner = nullptr},
                   {.name = "model-2.safetensors", .bytes = second, .owner = nullptr}};
  json index = {{"weight_map", json::object()}};
  for (auto tensor = tensors.begin(); tensor != tensors.end(); ++tensor)
    index["weight_map"][tensor->name] = tensor < middle ? "model-1.safetensors" : "model-2.safetensors";
  files.index = index.dump();
  const auto model = LoadLlamaHuggingFace(files);
  ASSERT_TRUE(model.ok()) << model.status();
  ExpectWeights(**model, tensors);
  const auto digest = [](const std::vector<std::byte>& bytes) {
    return Sha256Hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  EXPECT_EQ((*model)->sha256, Sha256Hex(digest(first) + digest(second)));

  files.weights.pop_back();
  ExpectError(LoadLlamaHuggingFace(files), absl::StatusCode::kDataLoss, "found in no shard");
  files.weights.push_back(files.weights[0]);
  ExpectError(LoadLlamaHuggingFace(files), absl::StatusCode::kDataLoss,
              "expected in one shard, found in two");
}

TEST(LoadHuggingFace, ConfigFieldsAndTheirDefaults) {
  const auto model = LoadWithConfig([](json& c) {
    c.erase("rms_norm_eps");
    c.erase("rope_theta");
    c["head_dim"] = 16;
    c["bos_token_id"] = nullptr;
    c["eos_token_id"] = {1, 2};
    c["rope_scaling"] = {{"rope_type", "llama3"},
                         {"factor", 32.0},
                         {"low_freq_factor", 1.0},
                         {"high_freq_factor", 4.0},
                         {"original_max_position_embeddings", 8192}};
  });
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config;
  EXPECT_EQ(config.rms_eps, 1e-6f);
  EXPECT_EQ(config.rope_theta, 10000.0f);
  EXPECT_EQ(config.bos, std::nullopt);
  EXPECT_EQ(config.eos, (std::vector<int>{1, 2}));
  ASSERT_TRUE(config.rope_scaling.has_value());
  EXPECT_EQ(config.rope_scaling->factor, 32.0f);

  const auto newer = LoadWithConfig([](json& c) {
    c.erase("rope_theta");
    c["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 500000.0}};
  });
  ASSERT_TRUE(newer.ok()) << newer.status();
  EXPECT_EQ((*newer)->config.rope_theta, 500000.0f);
}

TEST(LoadHuggingFace, EosOfTheGenerationConfigIsAdded) {
  HuggingFaceFiles files = TinyLlama().HuggingFace();
  files.generation_config = R"({"eos_token_id": [1, 5, 7]})";
  EXPECT_EQ((*LoadLlamaHuggingFace(files))->config.eos, (std::vector<int>{1, 5, 7}));
  files.generation_config = R"({"eos_token_id": 8})";
  ExpectError(LoadLlamaHuggingFace(files), absl::StatusCode::kDataLoss,
              "EOS: expected a token id below 8, found 8");
}

TEST(LoadHuggingFace, ChatTemplateFromEitherFile) {
  HuggingFaceFiles files = TinyLlama().HuggingFace();
  files.tokenizer_config = R"({"chat_template": "one"})";
  EXPECT_EQ((*LoadLlamaHuggingFace(files))->chat_template, "one");
  files.tokenizer_config =
      R"({"chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "two"}]})";
  EXPECT_EQ((*LoadLlamaHuggingFace(files))->chat_template, "two");
  files.tokenizer_config = R"({"chat_template": 3})";
  ExpectError(LoadLlamaHuggingFace(files), absl::StatusCode::kDataLoss, "chat_template");
  files.chat_template = "three";
  EXPECT_EQ((*LoadLlamaHuggingFace(files))->chat_template, "three");
}

TEST(LoadHuggingFace, OtherModelsAreUnimplementedAndNamed) {
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  const auto set = [](const char* field, json value) {
    return LoadWithConfig([&](json& c) { c[field] = value; });
  };
  ExpectError(set("architectures", {"Qwen2ForCausalLM"}), unimplemented,
              "tiny/config.json: architectures: expected [\"LlamaForCausalLM\"], found \"Qwen2ForCausalLM\"");
  ExpectError(set("architectures", nullptr), unimplemented, "architectures");
  ExpectError(set("hidden_act", "gelu"), unimplemented, "hidden_act: expected silu");
  ExpectError(set("attention_bias", true), unimplemented, "attention_bias");
  ExpectError(set("quantization_config", {{"bits", 4}}), unimplemented, "quantization_config");
  ExpectError(set("rope_scaling", {{"type", "linear"}, {"factor", 2.0}}), unimplemented,
              "rope_scaling: rope_type: expected default or llama3, found \"linear\"");
}

TEST(LoadHuggingFace, DamagedConfigsAreRefused) {
  const auto loss = absl::StatusCode::kDataLoss;
  const auto set = [](const char* field, json value) {
    return LoadWithConfig([&](json& c) { c[field] = value; });
  };
  ExpectError(set("hidden_size", "64"), loss,
              "hidden_size: expected an integer from 0 below 2^32, found \"64\"");
  ExpectError(set("hidden_size", -64), loss, "hidden_size");
  ExpectError(set("hidden_size", 32), loss, "expected shape [8, 32], found [8, 64]");
  ExpectError(set("num_hidden_layers", nullptr), loss, "num_hidden_layers: expected an integer");
  ExpectError(set("num_hidden_layers", 3), loss,
              "model.layers.2.input_layernorm.weight: expected shape [64], found no");
  ExpectError(set("num_attention_heads", 0), loss, "attention heads");
  ExpectError(set("num_key_value_heads", 3), loss, "KV heads");
  ExpectError(set("eos_token_id", "x"), loss, "eos_token_id");
  ExpectError(set("rope_scaling", {{"rope_type", "llama3"}}), loss,
              "rope_scaling: factor: expected a number");
  ExpectError(set("rope_scaling", 3), loss, "rope_scaling: expected an object");
  HuggingFaceFiles files = TinyLlama().HuggingFace();
  files.config = "[]";
  EXPECT_FALSE(LoadLlamaHuggingFace(files).ok());
  // Deeper than the stack would hold if a nested value were ever copied or printed.
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  for (const char* field : {"architectures", "eos_token_id", "rope_scaling", "hidden_size"}) {
    json config = json::parse(TinyLlama().HuggingFace().config);
    config.erase(field);
    files.config = config.dump();
    files.config.insert(1, fmt::format("\"{}\":{},", field, deep));
    const auto model = LoadLlamaHuggingFace(files);
    EXPECT_FALSE(model.ok()) << field;
    EXPECT_NE(std::string(model.status().message()).find(field), std::string::npos) << model.status();
  }
  files.config = "{";
  ExpectError(LoadLlamaHuggingFace(files), loss, "tiny/config.json");
}

TEST(LoadModel, TensorsThatAreNotLlamasAreRefused) {
  ExpectError(Load(TinyLlama().Gguf().Tensor(RandomTensor("blk.0.attn_q.bias", DType::kF32, {64}, 1))),
              absl::StatusCode::kUnimplemented, "tensor blk.0.attn_q.bias");
  ExpectError(Load(TinyLlama().Gguf().Tensor(RandomTensor("blk.2.attn_q.weight", DType::kF32, {64, 64}, 1))),
              absl::StatusCode::kUnimplemented, "of a Llama model of 2 layers");
}

TEST(LoadModel, NumbersThatAreNotFiniteAreRefused) {
  const float bad = std::numeric_limits<float>::infinity();
  for (const char* name : {"model.norm.weight", "model.layers.1.mlp.up_proj.weight"}) {
    auto tensors = TinyLlama().Tensors();
    for (TestTensor& tensor : tensors)
      if (tensor.name == name) std::memcpy(tensor.bytes.data() + tensor.bytes.size() - 4, &bad, 4);
    HuggingFaceFiles files = TinyLlama().HuggingFace();
    const auto bytes = testing_files::BuildSafetensors(tensors);
    files.weights[0].bytes = bytes;
    ExpectError(LoadLlamaHuggingFace(files), absl::StatusCode::kDataLoss, std::string(name) + ": row");
  }
}

TEST(LoadGguf, RopeDivisorsAreRead) {
  TestTensor divisors = RandomTensor("rope_freqs.weight", DType::kF32, {8}, 1);
  const std::vector<float> values = {1, 1, 1, 1, 2, 4, 8, 8};
  std::memcpy(divisors.bytes.data(), values.data(), divisors.bytes.size());
  const auto model = Load(TinyLlama().Gguf().Tensor(divisors));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->config.rope_divisors, values);
  ExpectError(Load(TinyLlama().Gguf().Tensor(RandomTensor("rope_freqs.weight", DType::kF32, {4}, 1))),
              absl::StatusCode::kDataLoss, "rope_freqs.weight: expected shape [8], found [4]");
}

TEST(LoadGguf, VariantsAreUnimplementedAndNamed) {
  const auto unimplemented = absl::StatusCode::kUnimplemented;
  ExpectError(Load(TinyLlama().Gguf().Uint32("llama.expert_count", 8)), unimplemented, "llama.expert_count");
  ExpectError(Load(TinyLlama().Gguf().String("llama.rope.scaling.type", "yarn")), unimplemented,
              "found yarn");
  ExpectError(Load(TinyLlama().Gguf().Uint32("llama.attention.value_length", 8)), unimplemented,
              "llama.attention.value_length: expected 16, found 8");
  ExpectError(Load(GgufBuilder().String("general.architecture", "qwen2")), unimplemented,
              "expected llama, found qwen2");
  ExpectError(Load(GgufBuilder().Uint32("x", 1)), absl::StatusCode::kDataLoss, "general.architecture");
}

TEST(LoadGguf, TheTokenizerBecomesTheFieldsOfTokenizerJson) {
  const auto model = Load(TinyLlama().Gguf().String("tokenizer.chat_template", "jinja"));
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ((*model)->chat_template, "jinja");
  const json& tokenizer = (*model)->tokenizer;
  EXPECT_EQ(tokenizer["model"]["type"], "BPE");
  EXPECT_EQ(tokenizer["model"]["vocab"].size(), 8u);
  EXPECT_EQ(tokenizer["model"]["vocab"]["abc"], 6);
  EXPECT_EQ(tokenizer["model"]["merges"], json({"a b", "ab c"}));
  EXPECT_EQ(tokenizer["model"]["ignore_merges"], false);
  EXPECT_EQ(tokenizer["added_tokens"].size(), 2u);
  EXPECT_EQ(tokenizer["added_tokens"][1], json({{"id", 1}, {"content", "</s>"}, {"special", true}}));
  EXPECT_EQ(tokenizer["pre_tokenizer"]["pretokenizers"][0]["type"], "Digits");
  EXPECT_TRUE(tokenizer["post_processor"].is_null());

  const auto adds_bos = Load(TinyLlama().Gguf().Bool("tokenizer.ggml.add_bos_token", true));
  EXPECT_EQ((*adds_bos)->tokenizer["post_processor"]["single"][0]["SpecialToken"]["id"], "<s>");
}

std::string Environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

TEST(LoadModel, GoldenTinyLlama) {
  const std::string golden = Environment("KVSCOPE_GOLDEN");
  if (golden.empty()) GTEST_SKIP() << "KVSCOPE_GOLDEN is not set";
  const auto model = LoadModel(golden + "/tiny_llama");
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config;
  EXPECT_EQ(config.layers, 4u);
  EXPECT_EQ(config.head_dim, 8u);
  EXPECT_EQ(config.group(), 4u);
  EXPECT_EQ(config.vocab, 256u);
  EXPECT_EQ(config.bos, 1);
  EXPECT_EQ(config.eos, std::vector<int>{2});
  EXPECT_FALSE(config.tied_embeddings);
  const auto trace = ReadFile(golden + "/traces/a_full_none.json");
  ASSERT_TRUE(trace.ok()) << trace.status();
  EXPECT_EQ(json::parse(*trace)["model_sha256"], (*model)->sha256);
}

TEST(LoadModel, SmolLm2) {
  const std::string path = testing_files::CachedSmolLm2();
  if (path.empty()) GTEST_SKIP() << "smollm2-135m is not in the cache (kvscope fetch smollm2-135m)";
  const auto model = LoadModel(path);
  ASSERT_TRUE(model.ok()) << model.status();
  const ModelConfig& config = (*model)->config;
  EXPECT_EQ((*model)->sha256, "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53");
  EXPECT_EQ(config.layers, 30u);
  EXPECT_EQ(config.hidden, 576u);
  EXPECT_EQ(config.heads, 9u);
  EXPECT_EQ(config.kv_heads, 3u);
  EXPECT_EQ(config.head_dim, 64u);
  EXPECT_EQ(config.rope_theta, 100000.0f);
  EXPECT_TRUE(config.tied_embeddings);
  EXPECT_EQ(config.eos, std::vector<int>{2});
  EXPECT_EQ((*model)->embedding.dtype, DType::kQ8_0);
  EXPECT_EQ((*model)->layers[29].down.dtype, DType::kQ4_1);
  EXPECT_EQ((*model)->head.data, (*model)->embedding.data);
  EXPECT_EQ(CountWeights(**model).parameters, 134515008u);  // SmolLM2's model card: 135 M
}

TEST(CountWeights, ATiedHeadCountsOnce) {
  const auto untied = CountWeights(**Load(TinyLlama{.dtype = DType::kQ4_1}.Gguf()));
  const auto tied = CountWeights(**Load(TinyLlama{.dtype = DType::kQ4_1, .tied = true}.Gguf()));
  constexpr uint64_t kHead = 8 * 64;
  EXPECT_EQ(untied.parameters - tied.parameters, kHead);
  EXPECT_EQ(untied.bytes - tied.bytes, kHead / 32 * 20);
  // Embedding; two layers of q, k, v, o, gate, up, down and two norms; the last norm.
  EXPECT_EQ(tied.parameters, kHead + 2 * (64 * (64 + 32 + 32 + 64 + 32 + 32 + 32) + 2 * 64) + 64);
}

TEST(LoadModel, AbsentFilesAreNotFoundAndOthersDamaged) {
  const std::string folder = fmt::format("{}kvscope_model_test_{}", testing::TempDir(), ::getpid());
  ASSERT_TRUE(MakeFolder(folder).ok());
  ExpectError(LoadModel(folder + "/none.gguf"), absl::StatusCode::kNotFound, "none.gguf");
  ExpectError(LoadModel(folder), absl::StatusCode::kNotFound, "config.json");
  ASSERT_TRUE(WriteFileAtomically(folder + "/config.json", TinyLlama().HuggingFace().config).ok());
  ExpectError(LoadModel(folder), absl::StatusCode::kNotFound, "model.safetensors");
  ASSERT_TRUE(WriteFileAtomically(folder + "/model.safetensors.index.json",
                                  R"({"weight_map": {"x": "../model.safetensors"}})")
                  .ok());
  ExpectError(LoadModel(folder), absl::StatusCode::kDataLoss, "expected names of files in this folder");
  ASSERT_TRUE(WriteFileAtomically(folder + "/text.gguf", "hello, world").ok());
  ExpectError(LoadModel(folder + "/text.gguf"), absl::StatusCode::kDataLoss, "magic");
  const auto bytes = testing_files::BuildSafetensors(TinyLlama().Tensors());
  ASSERT_TRUE(WriteFileAtomically(folder + "/model.safetensors",
                                  {reinterpret_cast<const char*>(bytes.data()), bytes.size()})
                  .ok());
  EXPECT_TRUE(LoadModel(folder).ok());
  std::filesystem::remove_all(folder);
}

// Damage in the front of a file, where its tables are: a model or an error, whose weights can be read.
TEST(LoadModel, SurvivesRandomDamage) {
  const TinyLlama tiny{.dtype = DType::kQ4_1};
  const auto gguf = tiny.Gguf().Build();
  HuggingFaceFiles files = TinyLlama().HuggingFace();
  const std::vector<std::byte> safetensors(files.weights[0].bytes.begin(), files.weights[0].bytes.end());
  std::mt19937 random(20260103);
  const auto damage = [&](auto bytes, size_t front) {
    for (uint32_t change = random() % 3 + 1; change > 0; --change)
      bytes[random() % front] = static_cast<typename decltype(bytes)::value_type>(random());
    return bytes;
  };
  const auto read_all = [](const LoadedModel& model) {
    if (!model.ok()) return false;
    for (const LayerWeights& layer : (*model)->layers) {
      EXPECT_FALSE(Bytes(layer.q).empty());
      EXPECT_FALSE(Bytes(layer.down).empty());
    }
    return true;
  };
  int loaded = 0;
  for (int round = 0; round < 1500; ++round) {
    const auto bytes = std::make_shared<const std::vector<std::byte>>(damage(gguf, 3000));
    loaded += read_all(LoadLlamaGguf(bytes, *bytes, "tiny.gguf"));
    HuggingFaceFiles damaged = files;
    const auto weights = damage(safetensors, 2500);
    damaged.weights[0].bytes = weights;
    loaded += read_all(LoadLlamaHuggingFace(damaged));
    damaged = files;
    damaged.config = damage(files.config, files.config.size());
    loaded += read_all(LoadLlamaHuggingFace(damaged));
  }
  EXPECT_GT(loaded, 0);
  EXPECT_LT(loaded, 4500);
}

}  // namespace
}  // namespace kvscope
