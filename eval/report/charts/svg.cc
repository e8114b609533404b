#include "eval/report/charts/svg.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "fmt/format.h"

namespace kvscope {

Svg::Svg(Markup& markup, const ChartText& text, double width, double height)
    : element_(markup, "svg",
               {{"xmlns", "http://www.w3.org/2000/svg"},
                {"role", "img"},
                {"aria-labelledby", fmt::format("{0}-title {0}-desc", text.id)},
                {"viewBox", fmt::format("0 0 {} {}", Coordinate(width), Coordinate(height))},
                {"width", Coordinate(width)},
                {"height", Coordinate(height)}}) {
  markup.Leaf("title", {{"id", text.id + "-title"}}, text.title);
  markup.Leaf("desc", {{"id", text.id + "-desc"}}, text.description);
}

std::string Coordinate(double value) {
  const double rounded = std::round(value * 10) / 10;
  return rounded == std::floor(rounded) ? fmt::format("{:.0f}", rounded + 0.0)
                                        : fmt::format("{:.1f}", rounded);
}

double TextWidth(std::string_view text) {
  // Of DejaVu Sans, one of the widest that a reader's system may use.
  struct Widths {
    std::string_view characters;
    double ems;
  };
  constexpr std::array<Widths, 5> kWidths = {{{" .,:;'|!ijlI", 0.32},
                                              {"tfr-()[]/", 0.4},
                                              {"w=+<>", 0.84},
                                              {"mWM%@", 0.98},
                                              {"ABCDEFGHJKLNOPQRSTUVXYZ", 0.74}}};
  constexpr double kOther = 0.64;
  double ems = 0;
  for (const char c : text) {
    if ((c & 0xc0) == 0x80) continue;
    const auto found = std::ranges::find_if(
        kWidths, [&](const Widths& widths) { return widths.characters.find(c) != std::string_view::npos; });
    ems += found == kWidths.end() ? kOther : found->ems;
  }
  return kFontPx * ems;
}

void DrawText(Markup& svg, std::string_view classes, double x, double y, std::string_view anchor,
              std::string_view text) {
  svg.Leaf("text",
           {{"class", std::string(classes)},
            {"x", Coordinate(x)},
            {"y", Coordinate(y)},
            {"text-anchor", std::string(anchor)}},
           text);
}

void DrawLine(Markup& svg, std::string_view classes, double x1, double y1, double x2, double y2) {
  svg.Empty("line", {{"class", std::string(classes)},
                     {"x1", Coordinate(x1)},
                     {"y1", Coordinate(y1)},
                     {"x2", Coordinate(x2)},
                     {"y2", Coordinate(y2)}});
}

}  // namespace kvscope
