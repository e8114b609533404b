#include "runtime/tokenizer/tokenizer.h"

#include <unordered_map>
#include <utility>

#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "runtime/json_fields.h"
#include "runtime/tokenizer/bpe.h"
#include "runtime/tokenizer/byte_alphabet.h"
#include "runtime/tokenizer/pre_tokenizer.h"
#include "runtime/tokenizer/utf8.h"
#include "runtime/tokenizer/vocabulary.h"

namespace kvscope {
namespace {

using nlohmann::json;

absl::Status Unsupported(std::string_view field, std::string_view expected, const json& found) {
  return absl::UnimplementedError(
      fmt::format("tokenizer.json: {}: expected {}, found {}", field, expected, Describe(found)));
}

// "unk_token" of the model, where it has one.
absl::StatusOr<std::optional<int>> CheckModel(const json& model, const Vocabulary& vocabulary) {
  if (Member(model, "type") != "BPE") return Unsupported("model.type", "BPE", Member(model, "type"));
  if (const json& dropout = Member(model, "dropout"); !dropout.is_null())
    return Unsupported("model.dropout", "null", dropout);
  for (const char* field : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const json& affix = Member(model, field); !affix.is_null() && affix != "")
      return Unsupported(fmt::format("model.{}", field), "none", affix);
  for (const char* field : {"byte_fallback", "fuse_unk"}) {
    ASSIGN_OR_RETURN(const bool value, GetFieldOr<bool>(model, field, false, "tokenizer.json: model"));
    if (value) return Unsupported(fmt::format("model.{}", field), "false", true);
  }
  ASSIGN_OR_RETURN(const auto unknown, FindField<std::string>(model, "unk_token", "tokenizer.json: model"));
  if (!unknown || unknown->empty()) return std::optional<int>();
  const std::optional<int> id = vocabulary.Find(*unknown);
  if (!id)
    return absl::DataLossError(
        fmt::format("tokenizer.json: model.unk_token: expected a token of the vocabulary, found {}",
                    Describe(json(*unknown))));
  return id;
}

// A merge is "left right" or ["left", "right"].
absl::StatusOr<std::pair<std::string, std::string>> ParseMerge(const json& merge, size_t index) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string())
    return std::pair(merge[0].get<std::string>(), merge[1].get<std::string>());
  if (merge.is_string()) {
    const auto& text = merge.get_ref<const std::string&>();
    const size_t space = text.find(' ');
    if (space != std::string::npos && space == text.rfind(' '))
      return std::pair(text.substr(0, space), text.substr(space + 1));
  }
  return absl::DataLossError(fmt::format(
      "tokenizer.json: model.merges: entry {}: expected two tokens, found {}", index, Describe(merge)));
}

absl::StatusOr<MergeTable> ReadMerges(const json& merges, const Vocabulary& vocabulary) {
  if (!merges.is_array())
    return absl::DataLossError(
        fmt::format("tokenizer.json: model.merges: expected a list, found {}", Describe(merges)));
  MergeTable table;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    ASSIGN_OR_RETURN(const auto pair, ParseMerge(merges[rank], rank));
    const std::optional<int> left = vocabulary.Find(pair.first);
    const std::optional<int> right = vocabulary.Find(pair.second);
    const std::optional<int> merged = vocabulary.Find(pair.first + pair.second);
    if (!left || !right || !merged)
      return absl::DataLossError(
          fmt::format("tokenizer.json: model.merges: entry {}: expected tokens of the vocabulary, found {}",
                      rank, Describe(merges[rank])));
    table.Add(*left, *right, static_cast<uint32_t>(rank), *merged);
  }
  return table;
}

absl::Status CheckNormalizer(const json& normalizer) {
  if (normalizer.is_null()) return absl::OkStatus();
  const json& type = Member(normalizer, "type");
  const json& list = Member(normalizer, "normalizers");
  if (type == "Sequence" && list.is_array() && list.empty()) return absl::OkStatus();
  return Unsupported("normalizer", "none", type);
}

absl::Status CheckDecoder(const json& decoder) {
  const json& type = Member(decoder, "type");
  return decoder.is_null() || type == "ByteLevel" ? absl::OkStatus()
                                                  : Unsupported("decoder", "ByteLevel", type);
}

// Whether a post-processor puts one token before a text. Anything it does beside that is Unimplemented.
absl::StatusOr<bool> AddsBos(const json& processor) {
  const json& type = Member(processor, "type");
  if (processor.is_null() || type == "ByteLevel") return false;
  if (type == "Sequence") {
    bool adds = false;
    for (const json& part : Member(processor, "processors")) {
      if (Member(part, "type") == "Sequence")
        return Unsupported("post_processor", "no nested Sequence", part);
      ASSIGN_OR_RETURN(const bool part_adds, AddsBos(part));
      adds = adds || part_adds;
    }
    return adds;
  }
  if (type != "TemplateProcessing")
    return Unsupported("post_processor", "ByteLevel or TemplateProcessing", type);
  const json& single = Member(processor, "single");
  const auto is = [&](size_t i, const char* kind) {
    return single[i].is_object() && single[i].contains(kind);
  };
  if (single.is_array() && single.size() == 1 && is(0, "Sequence")) return false;
  if (single.is_array() && single.size() == 2 && is(0, "SpecialToken") && is(1, "Sequence")) return true;
  return Unsupported("post_processor.single", "the text, with at most one special token before it", single);
}

}  // namespace

struct Tokenizer::Impl {
  Vocabulary vocabulary;
  MergeTable merges;
  PreTokenizer pre_tokenizer;
  std::optional<int> unknown;
  bool ignore_merges = false;  // a word that is a token is that token, whatever the merges say
  bool adds_bos = false;

  // Where the tokens of a word stand in the output, for the words met before in the same text.
  using WordCache = std::unordered_map<std::string_view, std::pair<size_t, size_t>>;

  void EncodeWord(std::string_view word, std::vector<int>* ids) const {
    if (ignore_merges) {
      if (const std::optional<int> whole = vocabulary.Find(SpellBytes(word))) {
        ids->push_back(*whole);
        return;
      }
    }
    std::vector<int> tokens;
    tokens.reserve(word.size());
    for (const char byte : word)
      if (const auto id = vocabulary.OfByte(static_cast<uint8_t>(byte)); id || unknown)
        tokens.push_back(id ? *id : *unknown);
    merges.Apply(&tokens);
    ids->insert(ids->end(), tokens.begin(), tokens.end());
  }

  void EncodeCached(std::string_view word, WordCache* cache, std::vector<int>* ids) const {
    const auto [entry, is_new] = cache->try_emplace(word, ids->size(), 0);
    auto& [begin, count] = entry->second;
    if (is_new) {
      EncodeWord(word, ids);
      count = ids->size() - begin;
    } else {
      for (size_t i = 0; i < count; ++i) ids->push_back((*ids)[begin + i]);
    }
  }

  // Text without added tokens. A byte that is not UTF-8 is a word of its own.
  void EncodeText(std::string_view text, WordCache* cache, std::vector<int>* ids) const {
    while (!text.empty()) {
      const size_t valid = ValidUtf8Prefix(text);
      for (const std::string_view word : pre_tokenizer.Split(text.substr(0, valid)))
        EncodeCached(word, cache, ids);
      if (valid < text.size()) EncodeCached(text.substr(valid, 1), cache, ids);
      text.remove_prefix(std::min(valid + 1, text.size()));
    }
  }
};

Tokenizer::Tokenizer(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::unique_ptr<const Tokenizer>> Tokenizer::FromJson(const json& description) {
  auto impl = std::make_unique<Impl>();
  const json& model = Member(description, "model");
  ASSIGN_OR_RETURN(impl->vocabulary, Vocabulary::FromJson(description));
  ASSIGN_OR_RETURN(impl->unknown, CheckModel(model, impl->vocabulary));
  ASSIGN_OR_RETURN(impl->ignore_merges,
                   GetFieldOr<bool>(model, "ignore_merges", false, "tokenizer.json: model"));
  ASSIGN_OR_RETURN(impl->merges, ReadMerges(Member(model, "merges"), impl->vocabulary));
  RETURN_IF_ERROR(CheckNormalizer(Member(description, "normalizer")));
  ASSIGN_OR_RETURN(impl->pre_tokenizer, PreTokenizer::FromJson(Member(description, "pre_tokenizer")));
  ASSIGN_OR_RETURN(impl->adds_bos, AddsBos(Member(description, "post_processor")));
  RETURN_IF_ERROR(CheckDecoder(Member(description, "decoder")));
  return std::unique_ptr<const Tokenizer>(new Tokenizer(std::move(impl)));
}

std::vector<int> Tokenizer::Encode(std::string_view text) const {
  std::vector<int> ids;
  Impl::WordCache cache;
  size_t position = 0;
  while (position < text.size()) {
    const auto added = impl_->vocabulary.FindAdded(text, position);
    const size_t end = added ? added->begin : text.size();
    impl_->EncodeText(text.substr(position, end - position), &cache, &ids);
    if (!added) break;
    ids.push_back(added->id);
    position = end + added->length;
  }
  return ids;
}

std::string Tokenizer::Decode(std::span<const int> ids, bool with_special) const {
  std::string text;
  for (const int id : ids)
    if (with_special || !impl_->vocabulary.IsSpecial(id)) text += impl_->vocabulary.Bytes(id);
  return text;
}

size_t Tokenizer::vocabulary_size() const { return impl_->vocabulary.size(); }
bool Tokenizer::adds_bos() const { return impl_->adds_bos; }
std::optional<int> Tokenizer::TokenId(std::string_view token) const { return impl_->vocabulary.Find(token); }

}  // namespace kvscope
