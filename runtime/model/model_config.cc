#include "runtime/model/model_config.h"

#include <cmath>
#include <numbers>
#include <string_view>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

// Far beyond any Llama model, and small enough that a product of two fits in 64 bits.
constexpr uint32_t kMaxLayers = 1024;
constexpr uint32_t kMaxWidth = 1u << 20;
constexpr uint32_t kMaxHeads = 1024;
constexpr uint32_t kMaxVocab = 1u << 24;
constexpr uint32_t kMaxPositions = 1u << 28;

absl::Status CheckSize(const std::string& source, std::string_view field, uint32_t found, uint32_t limit) {
  if (found >= 1 && found <= limit) return absl::OkStatus();
  return absl::DataLossError(fmt::format("{}: {}: expected 1 to {}, found {}", source, field, limit, found));
}

absl::Status CheckPositive(const std::string& source, std::string_view field, float found) {
  if (std::isfinite(found) && found > 0) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: {}: expected a positive finite number, found {}", source, field, found));
}

absl::Status CheckToken(const std::string& source, std::string_view field, int found, uint32_t vocab) {
  if (found >= 0 && static_cast<uint32_t>(found) < vocab) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: {}: expected a token id below {}, found {}", source, field, vocab, found));
}

absl::Status CheckScaling(const std::string& source, const RopeScaling& scaling) {
  RETURN_IF_ERROR(CheckPositive(source, "rope scaling factor", scaling.factor));
  RETURN_IF_ERROR(CheckPositive(source, "rope scaling low_freq_factor", scaling.low_freq_factor));
  RETURN_IF_ERROR(CheckPositive(source, "rope scaling high_freq_factor", scaling.high_freq_factor));
  if (!(scaling.low_freq_factor < scaling.high_freq_factor))
    return absl::DataLossError(
        fmt::format("{}: rope scaling: expected low_freq_factor < high_freq_factor, found {} and {}", source,
                    scaling.low_freq_factor, scaling.high_freq_factor));
  return CheckSize(source, "rope scaling original_max_position_embeddings", scaling.original_max_positions,
                   kMaxPositions);
}

// Long wavelengths are stretched by `factor`, short ones kept, those between blended (the rule published with
// the Llama 3.1 weights).
double ScaleFrequency(double frequency, const RopeScaling& scaling) {
  const double turns = scaling.original_max_positions * frequency / (2 * std::numbers::pi);
  if (turns > scaling.high_freq_factor) return frequency;
  if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
  const double kept = (turns - scaling.low_freq_factor) /
                      (static_cast<double>(scaling.high_freq_factor) - scaling.low_freq_factor);
  return kept * frequency + (1 - kept) * frequency / scaling.factor;
}

}  // namespace

absl::Status CheckConfig(const ModelConfig& config, const std::string& source) {
  RETURN_IF_ERROR(CheckSize(source, "layers", config.layers, kMaxLayers));
  RETURN_IF_ERROR(CheckSize(source, "hidden size", config.hidden, kMaxWidth));
  RETURN_IF_ERROR(CheckSize(source, "attention heads", config.heads, kMaxHeads));
  RETURN_IF_ERROR(CheckSize(source, "KV heads", config.kv_heads, config.heads));
  RETURN_IF_ERROR(CheckSize(source, "head dimension", config.head_dim, kMaxWidth / kMaxHeads));
  RETURN_IF_ERROR(CheckSize(source, "feed-forward size", config.ffn, kMaxWidth));
  RETURN_IF_ERROR(CheckSize(source, "vocabulary size", config.vocab, kMaxVocab));
  RETURN_IF_ERROR(CheckSize(source, "positions", config.max_positions, kMaxPositions));
  RETURN_IF_ERROR(CheckPositive(source, "RMSNorm epsilon", config.rms_eps));
  RETURN_IF_ERROR(CheckPositive(source, "RoPE theta", config.rope_theta));
  if (config.heads % config.kv_heads != 0)
    return absl::DataLossError(fmt::format("{}: KV heads: expected a divisor of {} attention heads, found {}",
                                           source, config.heads, config.kv_heads));
  if (config.head_dim % 2 != 0)
    return absl::DataLossError(
        fmt::format("{}: head dimension: expected an even number, found {}", source, config.head_dim));
  if (config.rope_scaling) RETURN_IF_ERROR(CheckScaling(source, *config.rope_scaling));
  for (const float divisor : config.rope_divisors)
    RETURN_IF_ERROR(CheckPositive(source, "RoPE frequency divisor", divisor));
  if (config.bos) RETURN_IF_ERROR(CheckToken(source, "BOS", *config.bos, config.vocab));
  for (const int id : config.eos) RETURN_IF_ERROR(CheckToken(source, "EOS", id, config.vocab));
  return absl::OkStatus();
}

std::vector<float> RopeFrequencies(const ModelConfig& config) {
  std::vector<float> frequencies(config.head_dim / 2);
  for (size_t i = 0; i < frequencies.size(); ++i) {
    double frequency =
        std::pow(static_cast<double>(config.rope_theta), -2.0 * static_cast<double>(i) / config.head_dim);
    if (config.rope_scaling) frequency = ScaleFrequency(frequency, *config.rope_scaling);
    if (!config.rope_divisors.empty()) frequency /= config.rope_divisors[i];
    frequencies[i] = static_cast<float>(frequency);
  }
  return frequencies;
}

}  // namespace kvscope
