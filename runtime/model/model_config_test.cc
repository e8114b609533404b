#include "runtime/model/model_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kvscope {
namespace {

ModelConfig Llama31() {
  return {.layers = 32,
          .hidden = 4096,
          .heads = 32,
          .kv_heads = 8,
          .head_dim = 128,
          .ffn = 14336,
          .vocab = 128256,
          .max_positions = 131072,
          .rms_eps = 1e-5f,
          .rope_theta = 500000.0f,
          .rope_scaling = RopeScaling{},
          .rope_divisors = {},
          .tied_embeddings = false,
          .bos = 128000,
          .eos = {128001, 128008, 128009}};
}

TEST(RopeFrequencies, PlainOnesAreAGeometricSeries) {  // Su et al. 2021, section 3.2.2
  ModelConfig config = Llama31();
  config.head_dim = 8;
  config.rope_theta = 10000.0f;
  config.rope_scaling.reset();
  const std::vector<float> frequencies = RopeFrequencies(config);
  ASSERT_EQ(frequencies.size(), 4u);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0f);
  EXPECT_FLOAT_EQ(frequencies[1], 0.1f);
  EXPECT_FLOAT_EQ(frequencies[2], 0.01f);
  EXPECT_FLOAT_EQ(frequencies[3], 0.001f);
}

// Values of the rule published with Llama 3.1 (wavelengths below 8192 / 4 kept, above 8192 / 1 divided by 8,
// between them interpolated), evaluated in double precision by another program.
TEST(RopeFrequencies, Llama3Scaling) {
  const std::vector<float> frequencies = RopeFrequencies(Llama31());
  ASSERT_EQ(frequencies.size(), 64u);
  EXPECT_FLOAT_EQ(frequencies[0], 1.0f);
  EXPECT_FLOAT_EQ(frequencies[1], 0.8146172338565447f);
  EXPECT_FLOAT_EQ(frequencies[28], 0.003211445994752591f);   // the last that is kept
  EXPECT_FLOAT_EQ(frequencies[29], 0.002166570763503359f);   // interpolated
  EXPECT_FLOAT_EQ(frequencies[34], 0.0001785078127679964f);  // interpolated
  EXPECT_FLOAT_EQ(frequencies[35], 9.556212353964683e-05f);  // the first that is divided
  EXPECT_FLOAT_EQ(frequencies[63], 3.068925988914511e-07f);
}

TEST(RopeFrequencies, DivisorsGiveTheSameAsTheRuleTheyWereMadeBy) {
  const std::vector<float> scaled = RopeFrequencies(Llama31());
  ModelConfig config = Llama31();
  config.rope_scaling.reset();
  const std::vector<float> plain = RopeFrequencies(config);
  for (size_t i = 0; i < plain.size(); ++i) config.rope_divisors.push_back(plain[i] / scaled[i]);
  const std::vector<float> divided = RopeFrequencies(config);
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_FLOAT_EQ(divided[i], scaled[i]) << i;
}

void ExpectDamaged(const ModelConfig& config, const std::string& field) {
  const absl::Status status = CheckConfig(config, "file.gguf");
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << field;
  const std::string message(status.message());
  EXPECT_NE(message.find("file.gguf: " + field), std::string::npos) << message;
}

TEST(CheckConfig, TakesLlamaAndNamesTheFieldThatIsWrong) {
  EXPECT_TRUE(CheckConfig(Llama31(), "file.gguf").ok());
  const auto changed = [](auto change) {
    ModelConfig config = Llama31();
    change(config);
    return config;
  };
  ExpectDamaged(changed([](ModelConfig& c) { c.layers = 0; }), "layers");
  ExpectDamaged(changed([](ModelConfig& c) { c.hidden = UINT32_MAX; }), "hidden size");
  ExpectDamaged(changed([](ModelConfig& c) { c.heads = 0; }), "attention heads");
  ExpectDamaged(changed([](ModelConfig& c) { c.kv_heads = 0; }), "KV heads");
  ExpectDamaged(changed([](ModelConfig& c) { c.kv_heads = 5; }), "KV heads");
  ExpectDamaged(changed([](ModelConfig& c) { c.kv_heads = 64; }), "KV heads");
  ExpectDamaged(changed([](ModelConfig& c) { c.head_dim = 7; }), "head dimension");
  ExpectDamaged(changed([](ModelConfig& c) { c.ffn = 0; }), "feed-forward size");
  ExpectDamaged(changed([](ModelConfig& c) { c.max_positions = 0; }), "positions");
  ExpectDamaged(changed([](ModelConfig& c) { c.rms_eps = -1.0f; }), "RMSNorm epsilon");
  ExpectDamaged(changed([](ModelConfig& c) { c.rope_theta = NAN; }), "RoPE theta");
  ExpectDamaged(changed([](ModelConfig& c) { c.rope_scaling->factor = 0.0f; }), "rope scaling factor");
  ExpectDamaged(changed([](ModelConfig& c) { c.rope_scaling->low_freq_factor = 4.0f; }), "rope scaling");
  ExpectDamaged(changed([](ModelConfig& c) { c.rope_divisors = {0.0f}; }), "RoPE frequency divisor");
  ExpectDamaged(changed([](ModelConfig& c) { c.bos = 128256; }), "BOS");
  ExpectDamaged(changed([](ModelConfig& c) { c.eos = {1, -1}; }), "EOS");
}

}  // namespace
}  // namespace kvscope
