// One spelling for each number, so that equal answers are equal strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvscope {

// "1,450,000" -> "1450000", "-10" -> "-10", "+07.50" -> "7.5", "-0.0" -> "0". Commas must part groups of
// three digits. Nothing when `text` is not such a number from end to end, blanks around it apart.
std::optional<std::string> CanonicalNumber(std::string_view text);

// The same spelling from the parts of a number: digits before and after the point, either of them possibly
// empty.
std::string SpellNumber(bool negative, std::string_view whole, std::string_view fraction);

}  // namespace kvscope
