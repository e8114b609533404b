#include "eval/report/charts/mark.h"

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "eval/report/charts/palette.h"
#include "eval/report/charts/svg.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

struct Point {
  double x, y;
};

// A polygon whose corners lie around the centre, in units of the radius.
struct Shape {
  int corners;   // 0: a circle
  double turn;   // of the first corner, in parts of a circle from the top
  double size;   // distance of the outer corners
  double inner;  // of the corners between them, where the shape is a star; 0: none
};

constexpr std::array<Shape, kShapes> kShapeTable = {{{0, 0, 1, 0},
                                                     {4, 1.0 / 8, 1.25, 0},
                                                     {3, 0, 1.4, 0},
                                                     {4, 0, 1.35, 0},
                                                     {3, 1.0 / 2, 1.4, 0},
                                                     {4, 0, 1.6, 0.6},
                                                     {5, 0, 1.25, 0},
                                                     {4, 1.0 / 8, 1.6, 0.5}}};

std::vector<Point> Corners(const Shape& shape) {
  std::vector<Point> corners;
  const int count = shape.inner > 0 ? 2 * shape.corners : shape.corners;
  for (int i = 0; i < count; ++i) {
    const double angle = 2 * std::numbers::pi * (shape.turn + static_cast<double>(i) / count);
    const double distance = shape.inner > 0 && i % 2 == 1 ? shape.inner : shape.size;
    corners.push_back({distance * std::sin(angle), -distance * std::cos(angle)});
  }
  return corners;
}

}  // namespace

SeriesStyle SeriesStyle::Of(int i) { return {i % kSeriesColors, i % kShapes}; }

std::string ColorClass(const SeriesStyle& style) {
  return style.color == kReferenceColor ? std::string("reference") : fmt::format("series-{}", style.color);
}

void DrawMark(Markup& svg, const SeriesStyle& style, double x, double y, double radius, bool hollow) {
  const std::string classes = fmt::format("mark {}{}", ColorClass(style), hollow ? " hollow" : "");
  const Shape& shape = kShapeTable[static_cast<size_t>(style.shape)];
  if (shape.corners == 0) {
    svg.Empty("circle",
              {{"class", classes}, {"cx", Coordinate(x)}, {"cy", Coordinate(y)}, {"r", Coordinate(radius)}});
    return;
  }
  std::string points;
  for (const Point& corner : Corners(shape))
    points += fmt::format("{}{},{}", points.empty() ? "" : " ", Coordinate(x + radius * corner.x),
                          Coordinate(y + radius * corner.y));
  svg.Empty("polygon", {{"class", classes}, {"points", points}});
}

}  // namespace kvscope
