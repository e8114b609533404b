#include "runtime/model/model.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <random>

#include "fmt/format.h"
#include "nlohmann/json.hpp"
#include "results/base/file.h"
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

void ExpectError(const LoadedModel& model, absl::StatusCode code, const std::string& fragment) {
  EXPECT_EQ(model.status().code(), code) << model.status();
  const std::string message(model.status().message());
  EXPECT_NE(message.find(fragment), std::string::npos) << message;
}

std::string Bytes(const WeightMatrix& matrix) {
  return {reinterpret_cast<const char*>(matrix.data), matrix.rows * RowBytes(matrix.dtype, matrix.columns)};
}

// The builder interleaves the rows of Q and K with its own code; loading undoes it for every block format.
TEST(LoadGguf, EveryElementTypeAndTheRowOrderOfQAndK) {
  for (const DType dtype :
       {DType::kF32, DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4_1}) {
    for (const bool tied : {false, true}) {
      const TinyLlama tiny{.dtype = dtype, .tied = tied};
      const auto model = Load(tiny.Gguf());
      ASSERT_TRUE(model.ok()) << model.status();
      EXPECT_EQ((*model)->config, tiny.Config());
      EXPECT_EQ(FirstDifference(**model, tiny.Tensors()), "");
      EXPECT_EQ((*model)->sha256.size(), 64u);
    }
  }
}

// An odd header length puts every tensor at an odd address; the model's weights are aligned all the same.
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
