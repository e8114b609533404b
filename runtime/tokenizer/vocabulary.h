// The tokens of a byte-level BPE model: spelling, id and bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace kvscope {

class Vocabulary {
 public:
  // From "model.vocab" and "added_tokens" of a tokenizer.json. DataLoss: an id out of range or used twice.
  // Unimplemented: an added token that eats the white space around it or matches whole words only.
  static absl::StatusOr<Vocabulary> FromJson(const nlohmann::json& tokenizer);

  // The largest id and one.
  size_t size() const { return tokens_.size(); }
  // By spelling in the byte alphabet; added tokens by their text.
  std::optional<int> Find(std::string_view spelling) const;
  std::optional<int> OfByte(uint8_t byte) const { return of_byte_[byte]; }
  bool IsSpecial(int id) const { return Exists(id) && tokens_[static_cast<size_t>(id)].special; }
  // Empty for ids outside the vocabulary.
  std::string_view Bytes(int id) const;

  struct Added {
    size_t begin;  // in the text
    size_t length;
    int id;
  };
  // The first added token written in `text` from `position` on, the longest where several begin there.
  std::optional<Added> FindAdded(std::string_view text, size_t position) const;

 private:
  struct Token {
    std::string bytes;
    bool special = false;
    bool used = false;
  };
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };

  bool Exists(int id) const { return id >= 0 && static_cast<size_t>(id) < tokens_.size(); }
  absl::StatusOr<Token*> NewToken(std::string_view spelling, const nlohmann::json& id,
                                  std::string_view field);
  absl::Status AddToken(const nlohmann::json& entry);

  uint64_t id_limit_ = 0;
  std::vector<Token> tokens_;  // by id
  std::unordered_map<std::string, int, Hash, std::equal_to<>> ids_;
  std::array<std::optional<int>, 256> of_byte_;
  // Added tokens by their first byte, the longest first.
  std::array<std::vector<int>, 256> added_;
};

}  // namespace kvscope
