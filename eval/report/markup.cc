#include "eval/report/markup.h"

#include <algorithm>

#include "runtime/tokenizer/utf8.h"

namespace kvscope {
namespace {

constexpr std::string_view kReplacementCharacter = "\xef\xbf\xbd";

// REQUIRES: `character` is one of UTF-8. True of those that XML or HTML forbids in a text.
bool IsForbidden(std::string_view character) {
  if (character.size() == 1) {
    const char c = character[0];
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
  }
  if (character.size() == 2) return character[0] == '\xc2' && static_cast<unsigned char>(character[1]) < 0xa0;
  return character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf";
}

std::string_view Escaped(std::string_view character) {
  if (IsForbidden(character)) return kReplacementCharacter;
  switch (character[0]) {
    case '&':
      return "&amp;";
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      return character;
  }
}

}  // namespace

std::string EscapeMarkup(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t bytes = Utf8CharacterBytes(text);
    out += bytes == 0 ? kReplacementCharacter : Escaped(text.substr(0, bytes));
    text.remove_prefix(std::max<size_t>(bytes, 1));
  }
  return out;
}

void Markup::Open(std::string_view name, Attributes attributes) {
  out_ += '<';
  out_ += name;
  for (const auto& [key, value] : attributes) {
    out_ += ' ';
    out_ += key;
    out_ += "=\"";
    out_ += EscapeMarkup(value);
    out_ += '"';
  }
}

void Markup::Leaf(std::string_view name, Attributes attributes, std::string_view text) {
  const Element element(*this, name, attributes);
  Text(text);
}

void Markup::Empty(std::string_view name, Attributes attributes) {
  Open(name, attributes);
  out_ += "/>";
}

Element::Element(Markup& markup, std::string_view name, Markup::Attributes attributes)
    : markup_(markup), name_(name) {
  markup_.Open(name, attributes);
  markup_.out_ += '>';
}

Element::~Element() {
  markup_.out_ += "</";
  markup_.out_ += name_;
  // A line an element keeps the file readable; inside a line it would be a blank that a reader sees.
  const bool block = name_ != "a" && name_ != "span" && name_ != "text" && name_ != "tspan" && name_ != "b" &&
                     name_ != "code" && name_ != "td" && name_ != "th";
  markup_.out_ += block ? ">\n" : ">";
}

}  // namespace kvscope
