#include "eval/sweep/memory.h"

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr uint64_t kProgramBytes = uint64_t{64} << 20;  // code, libraries, tokenizer, prompts
constexpr uint64_t kActivationsPerToken = 8;            // vectors of the hidden size that a prefill holds
constexpr uint64_t kScoresPerTokenAndHead = 64;         // partial sums of attention

}  // namespace

absl::StatusOr<size_t> CacheBytes(uint64_t memory_bytes, const Model& model, size_t batch,
                                  size_t longest_prompt) {
  const ModelConfig& config = model.config;
  const uint64_t per_token = kActivationsPerToken * config.hidden + kScoresPerTokenAndHead * config.heads;
  const uint64_t floats = uint64_t{batch} * config.vocab + longest_prompt * per_token;
  const uint64_t others = CountWeights(model).bytes + kProgramBytes + floats * sizeof(float);
  if (memory_bytes > others) return memory_bytes - others;
  return absl::ResourceExhaustedError(fmt::format(
      "--memory: {} bytes for a worker: weights and working memory alone may take {}", memory_bytes, others));
}

}  // namespace kvscope
