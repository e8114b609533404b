#include "eval/scorers/unicode.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace kvscope {
namespace {

// Decimal digits come in runs of ten; these are the zeros.
constexpr std::array<uint32_t, 66> kZeros = {
    0x30,    0x660,   0x6f0,   0x7c0,   0x966,   0x9e6,   0xa66,   0xae6,   0xb66,   0xbe6,   0xc66,
    0xce6,   0xd66,   0xde6,   0xe50,   0xed0,   0xf20,   0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,
    0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,
    0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0};
static_assert(std::ranges::is_sorted(kZeros));

struct Character {
  uint32_t code = 0;
  size_t bytes = 0;  // 0: not UTF-8
};

Character Decode(std::string_view text, size_t at) {
  if (at >= text.size()) return {};
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 0;
  if (bytes == 0 || text.size() - at < bytes) return {};
  uint32_t code = lead & (0x7fu >> bytes);
  for (size_t i = 1; i < bytes; ++i) code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3fu);
  return {code, bytes};
}

}  // namespace

size_t PythonDigitBytes(std::string_view text, size_t at) {
  const Character c = Decode(text, at);
  const auto above = std::ranges::upper_bound(kZeros, c.code);
  return above != kZeros.begin() && c.code - *(above - 1) < 10 ? c.bytes : 0;
}

size_t PythonSpaceBytes(std::string_view text, size_t at) {
  const Character c = Decode(text, at);
  const bool space = (c.code >= 0x09 && c.code <= 0x0d) || (c.code >= 0x1c && c.code <= 0x20) ||
                     c.code == 0x85 || c.code == 0xa0 || c.code == 0x1680 ||
                     (c.code >= 0x2000 && c.code <= 0x200a) || c.code == 0x2028 || c.code == 0x2029 ||
                     c.code == 0x202f || c.code == 0x205f || c.code == 0x3000;
  return space ? c.bytes : 0;
}

}  // namespace kvscope
