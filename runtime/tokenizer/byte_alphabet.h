// GPT-2's alphabet: every byte as one printable character, so that a vocabulary of byte strings can be
// written as text. Printable Latin-1 bytes stand for themselves; the others, in order, for the characters
// from U+0100.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace kvscope {

// The character of a byte, in UTF-8.
std::string_view CharacterOfByte(uint8_t byte);

// `bytes` spelt in the alphabet.
std::string SpellBytes(std::string_view bytes);

// The bytes that `token` spells; nothing where it has a character outside the alphabet.
std::optional<std::string> BytesOfSpelling(std::string_view token);

}  // namespace kvscope
