// Numbers as models write them, compared by value without floating point.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kvscope {

struct WrittenNumber {
  std::string canonical;  // "-1234.5": no leading or trailing zeros, no "+", no "-0"
  size_t end = 0;         // byte behind the number and its "%"
};

// Reads a number at `text[at]`: sign, "$" before or behind the sign, digits with thousands separators, a
// decimal part, "%". nullopt where there is none, or where it goes on as something else ("3/4", "10:30").
std::optional<WrittenNumber> ParseWrittenNumber(std::string_view text, size_t at);

}  // namespace kvscope
