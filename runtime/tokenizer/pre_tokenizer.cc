#include "runtime/tokenizer/pre_tokenizer.h"

#include <string>
#include <utility>

#include "fmt/format.h"
#include "results/base/status_macros.h"
#include "runtime/json_fields.h"

namespace kvscope {
namespace {

using nlohmann::json;

// GPT-2's words: contractions, letters, digits, other characters, each with a space before them; white space.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

constexpr std::string_view kWhere = "tokenizer.json: pre_tokenizer";

absl::Status Unsupported(std::string_view field, std::string_view expected, const json& found) {
  return absl::UnimplementedError(
      fmt::format("{}: {}: expected {}, found {}", kWhere, field, expected, Describe(found)));
}

absl::Status AddPattern(std::string_view pattern, std::vector<Splitter>* steps) {
  auto splitter = Splitter::Compile(pattern);
  if (!splitter.ok())
    return absl::DataLossError(fmt::format("{}: {}", kWhere, std::string(splitter.status().message())));
  steps->push_back(*std::move(splitter));
  return absl::OkStatus();
}

absl::Status AddDigits(const json& step, std::vector<Splitter>* steps) {
  ASSIGN_OR_RETURN(const bool individual, GetFieldOr<bool>(step, "individual_digits", false, kWhere));
  return AddPattern(individual ? R"(\p{N})" : R"(\p{N}+)", steps);
}

absl::Status AddSplit(const json& step, std::vector<Splitter>* steps) {
  ASSIGN_OR_RETURN(const auto behavior, GetField<std::string>(step, "behavior", kWhere));
  if (behavior != "Isolated") return Unsupported("behavior", "Isolated", behavior);
  ASSIGN_OR_RETURN(const bool invert, GetFieldOr<bool>(step, "invert", false, kWhere));
  if (invert) return Unsupported("invert", "false", true);
  const json& regex = Member(Member(step, "pattern"), "Regex");
  if (!regex.is_string()) return Unsupported("pattern", "a Regex", Member(step, "pattern"));
  return AddPattern(regex.get_ref<const std::string&>(), steps);
}

absl::Status AddByteLevel(const json& step, std::vector<Splitter>* steps) {
  ASSIGN_OR_RETURN(const bool add_space, GetFieldOr<bool>(step, "add_prefix_space", true, kWhere));
  if (add_space) return Unsupported("add_prefix_space", "false", true);
  ASSIGN_OR_RETURN(const bool use_regex, GetFieldOr<bool>(step, "use_regex", true, kWhere));
  return use_regex ? AddPattern(kGpt2Pattern, steps) : absl::OkStatus();
}

}  // namespace

absl::StatusOr<PreTokenizer> PreTokenizer::FromJson(const json& description) {
  const bool is_sequence = Member(description, "type") == "Sequence";
  const json& list = Member(description, "pretokenizers");
  if (is_sequence && (!list.is_array() || list.empty()))
    return absl::DataLossError(fmt::format("{}: pretokenizers: expected a list that is not empty, found {}",
                                           kWhere, Describe(list)));
  PreTokenizer pre_tokenizer;
  std::vector<Splitter>* steps = &pre_tokenizer.steps_;
  const size_t count = is_sequence ? list.size() : 1;
  for (size_t i = 0; i < count; ++i) {
    const json& step = is_sequence ? list[i] : description;
    const json& type = Member(step, "type");
    // ByteLevel spells its text in another alphabet: nothing can come after it, and without it there are no
    // bytes.
    if ((type == "ByteLevel") != (i + 1 == count))
      return Unsupported("type", "ByteLevel at the end and nowhere else", type);
    if (type == "ByteLevel") {
      RETURN_IF_ERROR(AddByteLevel(step, steps));
    } else if (type == "Digits") {
      RETURN_IF_ERROR(AddDigits(step, steps));
    } else if (type == "Split") {
      RETURN_IF_ERROR(AddSplit(step, steps));
    } else {
      return Unsupported("type", "ByteLevel, Digits or Split", type);
    }
  }
  return pre_tokenizer;
}

std::vector<std::string_view> PreTokenizer::Split(std::string_view text) const {
  std::vector<std::string_view> pieces = {text};
  for (const Splitter& step : steps_) {
    std::vector<std::string_view> finer;
    for (const std::string_view piece : pieces) step.Split(piece, &finer);
    pieces = std::move(finer);
  }
  return pieces;
}

}  // namespace kvscope
