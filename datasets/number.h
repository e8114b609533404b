// One spelling for each number, so that equal answers are equal strings.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kvscope {

// "1,450,000" -> "1450000", "-10" -> "-10", "+07.50" -> "7.5", "-0.0" -> "0". Commas must part groups of
// three digits. Nothing when `text` is not such a number from end to end, blanks around it apart.
std::optional<std::string> CanonicalNumber(std::string_view text);

}  // namespace kvscope
