// The character classes of Python's `re` on str, which the published scorer's patterns are written in.
#pragma once

#include <cstddef>
#include <string_view>

namespace kvscope {

// Bytes of the character at `text[at]` when it is a decimal digit (category Nd, Unicode 14); 0 otherwise.
size_t PythonDigitBytes(std::string_view text, size_t at);

// Likewise for white space, as str.isspace.
size_t PythonSpaceBytes(std::string_view text, size_t at);

}  // namespace kvscope
