#include "runtime/model/llama_huggingface.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "results/base/sha256.h"
#include "runtime/model/test_files.h"

namespace kvscope {
namespace {

using nlohmann::json;
using testing_files::TinyLlama;

using LoadedModel = absl::StatusOr<std::shared_ptr<const Model>>;

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

TEST(LoadHuggingFace, EveryElementType) {
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    for (const bool tied : {false, true}) {
      const TinyLlama tiny{.dtype = dtype, .tied = tied};
      const auto model = LoadLlamaHuggingFace(tiny.HuggingFace());
      ASSERT_TRUE(model.ok()) << model.status();
      EXPECT_EQ((*model)->config, tiny.Config());
      EXPECT_EQ(FirstDifference(**model, tiny.Tensors()), "");
      EXPECT_TRUE((*model)->tokenizer.is_null());
      EXPECT_EQ((*model)->chat_template, "");
    }
  }
}

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
  EXPECT_EQ(FirstDifference(**model, tiny.Tensors()), "");
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
  EXPECT_EQ(FirstDifference(**model, tensors), "");
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
  files.config = TinyLlama().HuggingFace().config;
  // Deeper than the stack would hold if the value were ever copied or printed.
  files.config.insert(
      1, fmt::format("\"hidden_size\":{}{},", std::string(200000, '['), std::string(200000, ']')));
  ExpectError(LoadLlamaHuggingFace(files), loss, "expected lists and objects at most 64 deep");
  files.config = "{";
  ExpectError(LoadLlamaHuggingFace(files), loss, "tiny/config.json");
}

}  // namespace
}  // namespace kvscope
