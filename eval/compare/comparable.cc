#include "eval/compare/comparable.h"

#include <array>

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr std::array<std::string_view, 8> kKinds = {
    "data", "device", "kv", "max_new_tokens", "model", "precision", "prompt_template", "semantics"};

}  // namespace

std::vector<std::string> MismatchKinds() { return {kKinds.begin(), kKinds.end()}; }

std::vector<Mismatch> FindMismatches(const RunRecord& base, const RunRecord& candidate) {
  std::vector<Mismatch> mismatches;
  const auto compare = [&](std::string_view kind, std::string_view what, const auto& a, const auto& b) {
    if (a != b)
      mismatches.push_back({kind, fmt::format("{} is {} in the base, {} in the candidate", what, a, b)});
  };
  const RunConfig &from = base.config, &to = candidate.config;
  compare("data", "the prompts' hash", base.data_sha256, candidate.data_sha256);
  if (base.model_sha256.empty() || candidate.model_sha256.empty())
    compare("model", "the model", from.model, to.model);
  else
    compare("model", "the model's hash", base.model_sha256, candidate.model_sha256);
  compare("model", "the tokenizer's hash", base.tokenizer_sha256, candidate.tokenizer_sha256);
  compare("semantics", "semantics", from.semantics, to.semantics);
  compare("precision", "precision", from.precision, to.precision);
  compare("kv", "the cache's type", from.kv, to.kv);
  compare("device", "the device", from.device, to.device);
  compare("max_new_tokens", "max_new_tokens", from.max_new_tokens, to.max_new_tokens);
  compare("prompt_template", "the prompt template", from.prompt_template, to.prompt_template);
  return mismatches;
}

}  // namespace kvscope
