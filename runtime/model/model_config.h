// Shape of a Llama-architecture model: RMSNorm, rotary positions, grouped-query attention, SwiGLU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace kvscope {

// Llama 3.1's frequency scaling (config.json "rope_scaling" with "rope_type": "llama3").
struct RopeScaling {
  float factor = 8.0f;
  float low_freq_factor = 1.0f;
  float high_freq_factor = 4.0f;
  uint32_t original_max_positions = 8192;

  bool operator==(const RopeScaling&) const = default;
};

struct ModelConfig {
  uint32_t layers = 0;
  uint32_t hidden = 0;
  uint32_t heads = 0;     // query heads
  uint32_t kv_heads = 0;  // divides heads; query head h reads KV head h / (heads / kv_heads)
  uint32_t head_dim = 0;
  uint32_t ffn = 0;
  uint32_t vocab = 0;
  uint32_t max_positions = 0;
  float rms_eps = 1e-5f;
  float rope_theta = 10000.0f;
  std::optional<RopeScaling> rope_scaling;
  // [head_dim / 2] divisors of the frequencies, or empty: how GGUF files store Llama 3's scaling. Never
  // together with rope_scaling.
  std::vector<float> rope_divisors;
  bool tied_embeddings = false;
  std::optional<int> bos;
  std::vector<int> eos;  // any of them ends a generation

  uint32_t group() const { return heads / kv_heads; }
  bool operator==(const ModelConfig&) const = default;
};

// Checks what every loader promises: no size is zero or beyond what a Llama model can have (so that products
// of two sizes fit in 64 bits), kv_heads divides heads, head_dim is even, constants are finite and positive,
// token ids are in the vocabulary. DataLoss naming `source` (the file), field, expected and found.
absl::Status CheckConfig(const ModelConfig& config, const std::string& source);

// Inverse frequencies of the rotary embedding, [head_dim / 2]; pair i rotates elements i and i + head_dim / 2
// by position * frequency[i] (the layout of Hugging Face models). Llama-3 scaling applied where the config
// has it.
std::vector<float> RopeFrequencies(const ModelConfig& config);

}  // namespace kvscope
