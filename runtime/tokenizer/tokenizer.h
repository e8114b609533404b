// Byte-level BPE (GPT-2's scheme: Radford et al. 2019, section 2.2) with the pre-tokenizers of the models we
// run.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

class Tokenizer {
 public:
  // `json` is the content of a Hugging Face tokenizer.json (model.type "BPE", byte-level). DataLoss names the
  // field that is wrong; Unimplemented names a component we have no code for.
  static absl::StatusOr<std::unique_ptr<const Tokenizer>> FromJson(const nlohmann::json& json);

  ~Tokenizer();

  // Text to ids. Special tokens written in the text are parsed as such. Adds nothing at the ends: BOS is the
  // caller's, who knows the template. Any bytes are accepted, valid UTF-8 or not: one that is not is a word
  // of its own. A byte for which the vocabulary has no token becomes its unk_token; where it has none either,
  // the byte is left out, as the reference implementations do. Thread-safe.
  std::vector<int> Encode(std::string_view text) const;

  // Ids to bytes; special tokens are left out unless asked for. Ids outside the vocabulary give nothing.
  std::string Decode(std::span<const int> ids, bool with_special = false) const;

  size_t vocabulary_size() const;
  // True when the tokenizer's own post-processing puts BOS before a text (Llama 3).
  bool adds_bos() const;
  std::optional<int> TokenId(std::string_view token) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<const Impl> impl);
  std::unique_ptr<const Impl> impl_;
};

}  // namespace kvscope
