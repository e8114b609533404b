#include "eval/scorers/written_number.h"

#include "datasets/number.h"

namespace kvscope {
namespace {

constexpr std::string_view kUnicodeMinus = "\xE2\x88\x92";
constexpr size_t kGroupDigits = 3;

bool IsDigit(std::string_view text, size_t at) {
  return at < text.size() && text[at] >= '0' && text[at] <= '9';
}

bool Take(std::string_view text, size_t& at, std::string_view token) {
  if (text.substr(at, token.size()) != token) return false;
  at += token.size();
  return true;
}

// Appends the run of digits at `at`.
void TakeDigits(std::string_view text, size_t& at, std::string& digits) {
  while (IsDigit(text, at)) digits.push_back(text[at++]);
}

bool IsGroup(std::string_view text, size_t at) {
  for (size_t i = 1; i <= kGroupDigits; ++i)
    if (!IsDigit(text, at + i)) return false;
  return at < text.size() && text[at] == ',' && !IsDigit(text, at + kGroupDigits + 1);
}

}  // namespace

std::optional<WrittenNumber> ParseWrittenNumber(std::string_view text, size_t at) {
  if (at >= text.size()) return std::nullopt;
  bool negative = false;
  const auto take_sign = [&] {
    if (Take(text, at, "-") || Take(text, at, kUnicodeMinus)) return negative = true;
    return Take(text, at, "+");
  };
  const bool signed_first = take_sign();
  if (Take(text, at, "\\$") || Take(text, at, "$")) {
    Take(text, at, " ");
    if (!signed_first) take_sign();
  }
  std::string whole, fraction;
  TakeDigits(text, at, whole);
  if (!whole.empty() && whole.size() <= kGroupDigits) {
    while (IsGroup(text, at)) TakeDigits(text, ++at, whole);
  }
  if (at < text.size() && text[at] == '.' && IsDigit(text, at + 1)) TakeDigits(text, ++at, fraction);
  if (whole.empty() && fraction.empty()) return std::nullopt;
  const bool goes_on = at < text.size() && (text[at] == '/' || text[at] == ':') && IsDigit(text, at + 1);
  if (goes_on) return std::nullopt;
  if (!Take(text, at, "\\%")) Take(text, at, "%");
  return WrittenNumber{SpellNumber(negative, whole, fraction), at};
}

}  // namespace kvscope
