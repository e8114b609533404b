// The first stage of byte-level BPE: text into words, inside which merges happen.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"
#include "runtime/tokenizer/splitter.h"

namespace kvscope {

class PreTokenizer {
 public:
  // `json` is the "pre_tokenizer" of a tokenizer.json: ByteLevel, or a Sequence of Digits and Split that ends
  // with ByteLevel. DataLoss names the field that is wrong, Unimplemented a component there is no code for.
  static absl::StatusOr<PreTokenizer> FromJson(const nlohmann::json& json);

  // The words of `text` in order; together they are `text`. REQUIRES: `text` is valid UTF-8.
  std::vector<std::string_view> Split(std::string_view text) const;

 private:
  std::vector<Splitter> steps_;  // each cuts the pieces of the one before
};

}  // namespace kvscope
