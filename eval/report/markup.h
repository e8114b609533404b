// Writes markup that is well-formed HTML and XML at once: every element is closed, every text and attribute
// is escaped.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace kvscope {

// Text as it may stand in an element or a quoted attribute. Control characters and bytes that are not UTF-8
// become U+FFFD.
std::string EscapeMarkup(std::string_view text);

class Markup {
 public:
  using Attributes = std::initializer_list<std::pair<std::string_view, std::string>>;

  void Text(std::string_view text) { out_ += EscapeMarkup(text); }
  // An element that holds text only.
  void Leaf(std::string_view name, Attributes attributes, std::string_view text);
  void Leaf(std::string_view name, std::string_view text) { Leaf(name, {}, text); }
  // An element without content: of SVG, or one that HTML knows as void.
  void Empty(std::string_view name, Attributes attributes = {});
  // REQUIRES: `markup` is well-formed and comes from this program.
  void Raw(std::string_view markup) { out_ += markup; }

  const std::string& text() const { return out_; }

 private:
  friend class Element;
  void Open(std::string_view name, Attributes attributes);

  std::string out_;
};

// An open element; closed when the object goes.
class Element {
 public:
  Element(Markup& markup, std::string_view name, Markup::Attributes attributes = {});
  ~Element();
  Element(const Element&) = delete;
  Element& operator=(const Element&) = delete;

 private:
  Markup& markup_;
  const std::string name_;
};

}  // namespace kvscope
