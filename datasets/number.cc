#include "datasets/number.h"

#include <algorithm>

namespace kvscope {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool AllDigits(std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); }

// The digits of "12345" or "12,345"; nothing when a comma stands elsewhere.
std::optional<std::string> WholeDigits(std::string_view text) {
  constexpr size_t kGroup = 3;
  std::string digits;
  size_t comma = text.find(',');
  if (comma == std::string_view::npos) comma = text.size();
  if (comma < text.size() && (comma == 0 || comma > kGroup)) return std::nullopt;
  digits = text.substr(0, comma);
  for (text.remove_prefix(comma); !text.empty(); text.remove_prefix(kGroup + 1)) {
    if (text[0] != ',' || text.size() < kGroup + 1) return std::nullopt;
    digits += text.substr(1, kGroup);
  }
  return AllDigits(digits) ? std::optional(digits) : std::nullopt;
}

}  // namespace

std::optional<std::string> CanonicalNumber(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return std::nullopt;
  text = text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);

  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view fraction = text.substr(std::min(point + 1, text.size()));
  const auto whole = WholeDigits(text.substr(0, point));
  if (!whole || !AllDigits(fraction) || (whole->empty() && fraction.empty())) return std::nullopt;

  return SpellNumber(negative, *whole, fraction);
}

std::string SpellNumber(bool negative, std::string_view whole, std::string_view fraction) {
  whole.remove_prefix(std::min(whole.find_first_not_of('0'), whole.size()));
  fraction = fraction.substr(0, fraction.find_last_not_of('0') + 1);
  std::string out = whole.empty() ? "0" : std::string(whole);
  if (!fraction.empty()) out.append(".").append(fraction);
  return negative && out != "0" ? "-" + out : out;
}

}  // namespace kvscope
