#include "runtime/tokenizer/byte_alphabet.h"

#include <array>

#include "runtime/tokenizer/utf8.h"

namespace kvscope {
namespace {

constexpr bool StandsForItself(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
}

constexpr int kOthers = 68;                         // bytes that do not stand for themselves
constexpr char32_t kAlphabetEnd = 0x100 + kOthers;  // beyond the last character of the alphabet

struct Alphabet {
  std::array<std::string, 256> characters;                 // by byte
  std::array<std::optional<uint8_t>, kAlphabetEnd> bytes;  // by code point

  Alphabet() {
    char32_t next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const char32_t code_point = StandsForItself(byte) ? static_cast<char32_t>(byte) : next++;
      // Every code point here is below U+0800: one or two bytes of UTF-8.
      std::string& character = characters[static_cast<size_t>(byte)];
      if (code_point >= 0x80) character.push_back(static_cast<char>(0xc0 | code_point >> 6));
      character.push_back(static_cast<char>(code_point < 0x80 ? code_point : 0x80 | (code_point & 0x3f)));
      bytes[code_point] = static_cast<uint8_t>(byte);
    }
  }
};

const Alphabet& GetAlphabet() {
  static const Alphabet alphabet;
  return alphabet;
}

}  // namespace

std::string_view CharacterOfByte(uint8_t byte) { return GetAlphabet().characters[byte]; }

std::string SpellBytes(std::string_view bytes) {
  std::string spelling;
  for (const char byte : bytes) spelling += CharacterOfByte(static_cast<uint8_t>(byte));
  return spelling;
}

std::optional<std::string> BytesOfSpelling(std::string_view token) {
  std::string bytes;
  while (!token.empty()) {
    const size_t length = Utf8CharacterBytes(token);
    if (length == 0 || length > 2) return std::nullopt;
    const char32_t code_point = length == 1 ? static_cast<char32_t>(token[0])
                                            : (static_cast<char32_t>(token[0]) & 0x1f) << 6 |
                                                  (static_cast<char32_t>(token[1]) & 0x3f);
    if (code_point >= kAlphabetEnd || !GetAlphabet().bytes[code_point]) return std::nullopt;
    bytes.push_back(static_cast<char>(*GetAlphabet().bytes[code_point]));
    token.remove_prefix(length);
  }
  return bytes;
}

}  // namespace kvscope
