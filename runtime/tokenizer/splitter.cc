#define PCRE2_CODE_UNIT_WIDTH 8
#include "runtime/tokenizer/splitter.h"

#include <pcre2.h>

#include <array>
#include <string>

#include "fmt/format.h"

namespace kvscope {
namespace {

// Longer than any tokenizer's pattern: bounds what compiling one from a file can cost.
constexpr size_t kLongestPattern = 1 << 14;

PCRE2_SPTR Units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

int Match(const pcre2_code* code, std::string_view text, size_t position, pcre2_match_data* data) {
  // An empty match would cut nothing and not advance.
  constexpr uint32_t kOptions = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
  const int matched = pcre2_match(code, Units(text), text.size(), position, kOptions, data, nullptr);
  if (matched != PCRE2_ERROR_JIT_STACKLIMIT) return matched;
  return pcre2_match(code, Units(text), text.size(), position, kOptions | PCRE2_NO_JIT, data, nullptr);
}

}  // namespace

absl::StatusOr<Splitter> Splitter::Compile(std::string_view pattern) {
  if (pattern.size() > kLongestPattern)
    return absl::DataLossError(fmt::format("regular expression: expected at most {} bytes, found {}",
                                           kLongestPattern, pattern.size()));
  int error = 0;
  size_t error_offset = 0;
  pcre2_code* code =
      pcre2_compile(Units(pattern), pattern.size(), PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &error,
                    &error_offset, nullptr);
  if (code == nullptr) {
    std::array<PCRE2_UCHAR, 256> reason{};
    pcre2_get_error_message(error, reason.data(), reason.size());
    return absl::DataLossError(fmt::format("regular expression: byte {}: {}", error_offset,
                                           reinterpret_cast<const char*>(reason.data())));
  }
  // Without the JIT (no executable memory) the interpreter does the same, slower.
  pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
  return Splitter(std::shared_ptr<const void>(code, [code](const void*) { pcre2_code_free(code); }));
}

void Splitter::Split(std::string_view text, std::vector<std::string_view>* pieces) const {
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create(1, nullptr), &pcre2_match_data_free);
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  size_t position = 0;
  while (data != nullptr && position < text.size() && Match(code, text, position, data.get()) >= 0) {
    const size_t* range = pcre2_get_ovector_pointer(data.get());
    const size_t begin = range[0];
    const size_t end = range[1];
    if (begin < position || end <= begin) break;  // only \K can do this
    if (begin > position) pieces->push_back(text.substr(position, begin - position));
    pieces->push_back(text.substr(begin, end - begin));
    position = end;
  }
  if (position < text.size()) pieces->push_back(text.substr(position));
}

}  // namespace kvscope
