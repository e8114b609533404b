#include "runtime/tokenizer/utf8.h"

#include <cstdint>

namespace kvscope {

size_t Utf8CharacterBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first < 0x80) return text.empty() ? 0 : 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return follows(1) ? 2 : 0;
  if (first < 0xf0) {
    const bool overlong = first == 0xe0 && byte(1) < 0xa0;
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  const bool overlong = first == 0xf0 && byte(1) < 0x90;
  const bool too_large = first > 0xf4 || (first == 0xf4 && byte(1) >= 0x90);
  return follows(1) && follows(2) && follows(3) && !overlong && !too_large ? 4 : 0;
}

size_t ValidUtf8Prefix(std::string_view text) {
  size_t end = 0;
  while (const size_t length = Utf8CharacterBytes(text.substr(end))) end += length;
  return end;
}

}  // namespace kvscope
