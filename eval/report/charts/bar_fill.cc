#include "eval/report/charts/bar_fill.h"

#include <algorithm>
#include <string>

#include "eval/report/charts/svg.h"
#include "fmt/format.h"

namespace kvscope {

void DrawBarPart(Markup& svg, const SeriesStyle& style, double x, double y, double width, double height) {
  constexpr double kStripe = 5;
  svg.Empty("rect", {{"class", fmt::format("bar {}", ColorClass(style))},
                     {"x", Coordinate(x)},
                     {"y", Coordinate(y)},
                     {"width", Coordinate(width)},
                     {"height", Coordinate(height)}});
  if (style.shape % 2 == 0) return;
  // Stripes from the lower left, cut at the rectangle's ends: no pattern, which would need an id of its own.
  std::string path;
  for (double from = x - height + kStripe; from < x + width; from += kStripe) {
    const double cut_left = std::max(0.0, x - from), cut_right = std::max(0.0, from + height - (x + width));
    if (cut_left + cut_right >= height) continue;
    path += fmt::format("M{} {}L{} {}", Coordinate(from + cut_left), Coordinate(y + height - cut_left),
                        Coordinate(from + height - cut_right), Coordinate(y + cut_right));
  }
  svg.Empty("path", {{"class", "stripes"}, {"d", path}});
}

}  // namespace kvscope
