#include "runtime/model/gguf_tokenizer.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/format.h"
#include "results/base/status_macros.h"

namespace kvscope {
namespace {

using nlohmann::json;

// Token types, as stored.
constexpr int64_t kControl = 3;
constexpr int64_t kUserDefined = 4;

// What a value of "tokenizer.ggml.pre" stands for. The patterns are those of the models' own tokenizers:
// words with the character before them, digits in groups, punctuation, line ends, other white space.
struct PreTokenizer {
  std::string_view name;
  std::string_view pattern;  // empty: GPT-2's, which ByteLevel has built in
  bool single_digits;        // every digit apart, before anything else
  bool llama3;  // whole words before merges, and BOS before a text unless the file says otherwise
};
constexpr PreTokenizer kPreTokenizers[] = {
    {"gpt-2", "", false, false},
    {"smollm", "", true, false},
    {"llama-bpe",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     false, true},
    {"qwen2",
     R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)",
     false, false},
};

absl::StatusOr<PreTokenizer> FindPreTokenizer(const Gguf& file) {
  ASSIGN_OR_RETURN(const auto name, file.GetOr<std::string_view>("tokenizer.ggml.pre", "none"));
  std::string known;
  for (const PreTokenizer& candidate : kPreTokenizers) {
    if (candidate.name == name) return candidate;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", candidate.name);
  }
  return absl::UnimplementedError(
      fmt::format("{}: metadata tokenizer.ggml.pre: expected one of {}, found {}", file.name(), known, name));
}

json ToJson(const PreTokenizer& pre) {
  json steps = json::array();
  if (pre.single_digits) steps.push_back({{"type", "Digits"}, {"individual_digits", true}});
  if (!pre.pattern.empty())
    steps.push_back({{"type", "Split"},
                     {"pattern", {{"Regex", pre.pattern}}},
                     {"behavior", "Isolated"},
                     {"invert", false}});
  steps.push_back({{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", pre.pattern.empty()}});
  return {{"type", "Sequence"}, {"pretokenizers", std::move(steps)}};
}

json BosTemplate(std::string_view bos) {
  return {
      {"type", "TemplateProcessing"},
      {"single",
       {{{"SpecialToken", {{"id", bos}, {"type_id", 0}}}}, {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}}};
}

}  // namespace

absl::StatusOr<json> TokenizerFromGguf(const Gguf& file, const ModelConfig& config) {
  ASSIGN_OR_RETURN(const auto kind, file.Find<std::string_view>("tokenizer.ggml.model"));
  if (!kind) return json();
  if (*kind != "gpt2")
    return absl::UnimplementedError(fmt::format(
        "{}: metadata tokenizer.ggml.model: expected gpt2 (byte-level BPE), found {}", file.name(), *kind));
  ASSIGN_OR_RETURN(const PreTokenizer pre, FindPreTokenizer(file));
  ASSIGN_OR_RETURN(const auto tokens, file.Get<std::vector<std::string_view>>("tokenizer.ggml.tokens"));
  ASSIGN_OR_RETURN(const auto types, file.Get<std::vector<int64_t>>("tokenizer.ggml.token_type"));
  ASSIGN_OR_RETURN(const auto merges, file.Get<std::vector<std::string_view>>("tokenizer.ggml.merges"));
  for (const auto& [key, found] : {std::pair("tokens", tokens.size()), std::pair("token_type", types.size())})
    if (found != config.vocab)
      return absl::DataLossError(
          fmt::format("{}: metadata tokenizer.ggml.{}: expected {} entries, one a token, found {}",
                      file.name(), key, config.vocab, found));

  json::object_t vocab;
  json added = json::array();
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!vocab.emplace(tokens[id], id).second)
      return absl::DataLossError(
          fmt::format("{}: metadata tokenizer.ggml.tokens: entry {}: expected a new token, found {} again",
                      file.name(), id, tokens[id]));
    if (types[id] == kControl || types[id] == kUserDefined)
      added.push_back({{"id", id}, {"content", tokens[id]}, {"special", types[id] == kControl}});
  }
  json tokenizer = {{"added_tokens", std::move(added)},
                    {"normalizer", nullptr},
                    {"pre_tokenizer", ToJson(pre)},
                    {"post_processor", nullptr},
                    {"decoder", {{"type", "ByteLevel"}}},
                    {"model", {{"type", "BPE"}, {"ignore_merges", pre.llama3}, {"merges", merges}}}};
  tokenizer["model"]["vocab"] = std::move(vocab);
  ASSIGN_OR_RETURN(const bool adds_bos, file.GetOr<bool>("tokenizer.ggml.add_bos_token", pre.llama3));
  if (adds_bos && !config.bos)
    return absl::DataLossError(fmt::format(
        "{}: metadata tokenizer.ggml.bos_token_id: expected one, as add_bos_token is set; found none",
        file.name()));
  if (adds_bos) tokenizer["post_processor"] = BosTemplate(tokens[static_cast<size_t>(*config.bos)]);
  return tokenizer;
}

}  // namespace kvscope
