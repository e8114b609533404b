#include "runtime/tokenizer/vocabulary.h"

#include <algorithm>

#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "runtime/json_fields.h"
#include "runtime/tokenizer/byte_alphabet.h"

namespace kvscope {
namespace {

using nlohmann::json;

// Ids number the tokens, nearly without gaps: bounds the table that one wrong id could ask for.
uint64_t IdLimit(size_t tokens) {
  constexpr uint64_t kMaxTokens = 1 << 20;  // four times the largest vocabulary in use
  constexpr uint64_t kGaps = 1024;
  return std::min(kMaxTokens, 4 * uint64_t{tokens} + kGaps);
}

}  // namespace

absl::StatusOr<Vocabulary::Token*> Vocabulary::NewToken(std::string_view spelling, const json& id,
                                                        std::string_view field) {
  const std::optional<uint64_t> index = NonNegative(id);
  if (!index || *index >= id_limit_)
    return absl::DataLossError(fmt::format("tokenizer.json: {}: token {}: expected an id below {}, found {}",
                                           field, Describe(json(spelling)), id_limit_, Describe(id)));
  if (*index >= tokens_.size()) tokens_.resize(*index + 1);
  Token& token = tokens_[*index];
  if (token.used)
    return absl::DataLossError(fmt::format(
        "tokenizer.json: {}: token {}: expected an id of its own, found {}, which another token has", field,
        Describe(json(spelling)), *index));
  token.used = true;
  ids_.emplace(spelling, static_cast<int>(*index));
  return &token;
}

absl::Status Vocabulary::AddToken(const json& entry) {
  constexpr std::string_view kField = "added_tokens";
  const std::string where = fmt::format("tokenizer.json: {}", kField);
  ASSIGN_OR_RETURN(const auto text, GetField<std::string>(entry, "content", where));
  if (text.empty()) return absl::DataLossError(where + ": content: expected text, found none");
  for (const char* field : {"lstrip", "rstrip", "single_word"}) {
    ASSIGN_OR_RETURN(const bool value, GetFieldOr<bool>(entry, field, false, where));
    if (value)
      return absl::UnimplementedError(
          fmt::format("{}: token {}: {}: expected false, found true", where, Describe(json(text)), field));
  }
  ASSIGN_OR_RETURN(const bool special, GetFieldOr<bool>(entry, "special", false, where));
  const json& id = Member(entry, "id");
  Token* token = nullptr;
  if (const std::optional<int> known = Find(text)) {
    if (id != *known)
      return absl::DataLossError(fmt::format("{}: token {}: expected id {}, as in model.vocab, found {}",
                                             where, Describe(json(text)), *known, Describe(id)));
    token = &tokens_[static_cast<size_t>(*known)];
  } else {
    ASSIGN_OR_RETURN(token, NewToken(text, id, kField));
  }
  token->bytes = text;
  token->special = special;
  added_[static_cast<uint8_t>(text.front())].push_back(static_cast<int>(token - tokens_.data()));
  return absl::OkStatus();
}

absl::StatusOr<Vocabulary> Vocabulary::FromJson(const json& tokenizer) {
  Vocabulary vocabulary;
  const json& tokens = Member(Member(tokenizer, "model"), "vocab");
  if (!tokens.is_object() || tokens.empty())
    return absl::DataLossError(
        fmt::format("tokenizer.json: model.vocab: expected an object of tokens, found {}", Describe(tokens)));
  const json& added = Member(tokenizer, "added_tokens");
  if (!added.is_null() && !added.is_array())
    return absl::DataLossError(
        fmt::format("tokenizer.json: added_tokens: expected a list, found {}", Describe(added)));
  vocabulary.id_limit_ = IdLimit(tokens.size() + added.size());
  for (const auto& [spelling, id] : tokens.items()) {
    ASSIGN_OR_RETURN(Token * token, vocabulary.NewToken(spelling, id, "model.vocab"));
    // A token outside the alphabet cannot come from bytes; it stands for its own text.
    token->bytes = BytesOfSpelling(spelling).value_or(spelling);
  }
  for (const json& entry : added) RETURN_IF_ERROR(vocabulary.AddToken(entry));
  for (auto& ids : vocabulary.added_)
    std::ranges::sort(ids, std::greater(), [&](int id) { return vocabulary.Bytes(id).size(); });
  for (size_t byte = 0; byte < 256; ++byte)
    vocabulary.of_byte_[byte] = vocabulary.Find(CharacterOfByte(static_cast<uint8_t>(byte)));
  return vocabulary;
}

std::optional<int> Vocabulary::Find(std::string_view spelling) const {
  const auto found = ids_.find(spelling);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

std::string_view Vocabulary::Bytes(int id) const {
  return Exists(id) ? std::string_view(tokens_[static_cast<size_t>(id)].bytes) : std::string_view();
}

std::optional<Vocabulary::Added> Vocabulary::FindAdded(std::string_view text, size_t position) const {
  for (size_t begin = position; begin < text.size(); ++begin) {
    for (const int id : added_[static_cast<uint8_t>(text[begin])]) {
      const std::string_view token = Bytes(id);
      if (text.substr(begin).starts_with(token))
        return Added{.begin = begin, .length = token.size(), .id = id};
    }
  }
  return std::nullopt;
}

}  // namespace kvscope
