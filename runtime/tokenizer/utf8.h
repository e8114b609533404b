// Validity of UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace kvscope {

// Bytes of the character that `text` begins with; 0 where it begins with none, or is empty.
size_t Utf8CharacterBytes(std::string_view text);

// Bytes of the longest prefix of `text` that is valid.
size_t ValidUtf8Prefix(std::string_view text);

}  // namespace kvscope
