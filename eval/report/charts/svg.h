// What every picture is made of.
#pragma once

#include <string>
#include <string_view>

#include "eval/report/markup.h"

namespace kvscope {

// Of the text in pictures; style.css says the same.
inline constexpr double kFontPx = 12;

// What a screen reader says of a picture.
struct ChartText {
  std::string id;           // unique in the page
  std::string title;        // "Accuracy against KV bytes"
  std::string description;  // what the picture shows, in a sentence or two
};

// A picture open for drawing, in pixels from the upper left corner; closed when the object goes.
class Svg {
 public:
  Svg(Markup& markup, const ChartText& text, double width, double height);

 private:
  Element element_;
};

// A pixel coordinate, to a tenth.
std::string Coordinate(double value);

// Estimated width of a text of kFontPx in a sans-serif font; rather too wide than too narrow.
double TextWidth(std::string_view text);

// `anchor` is "start", "middle" or "end"; `y` is the base line.
void DrawText(Markup& svg, std::string_view classes, double x, double y, std::string_view anchor,
              std::string_view text);
void DrawLine(Markup& svg, std::string_view classes, double x1, double y1, double x2, double y2);

}  // namespace kvscope
