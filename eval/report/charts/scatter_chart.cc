#include "eval/report/charts/scatter_chart.h"

#include <algorithm>
#include <cmath>

#include "eval/report/charts/label_layout.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr double kWidth = 560;
constexpr double kPlotHeight = 330;
constexpr double kMargin = 14;
constexpr double kRadius = 5;
constexpr int kTicks = 6;
constexpr double kLabelGap = 2;
// With more points only those on the front bear their names.
constexpr size_t kMostNames = 24;

double Low(const ScatterPoint& point) { return std::max(0.0, point.y - point.half_width.value_or(0)); }
double High(const ScatterPoint& point, double limit) {
  return std::min(limit, point.y + point.half_width.value_or(0));
}

// Axes begin at 0 unless the values lie far from it.
Ticks TicksFrom(double low, double high) {
  constexpr double kNearZero = 0.6;
  return NiceTicks(low < kNearZero * high ? 0 : low, high, kTicks);
}

Ticks XTicks(const ScatterChart& chart) {
  const auto [low, high] = std::ranges::minmax(chart.points, {}, &ScatterPoint::x);
  return TicksFrom(low.x, high.x);
}

Ticks YTicks(const ScatterChart& chart) {
  double low = chart.y_limit, high = 0;
  for (const ScatterPoint& point : chart.points) {
    low = std::min(low, Low(point));
    high = std::max(high, High(point, chart.y_limit));
  }
  return TicksFrom(low, high);
}

std::vector<ScatterPoint> Front(const ScatterChart& chart) {
  std::vector<ScatterPoint> front;
  std::ranges::copy_if(chart.points, std::back_inserter(front), &ScatterPoint::on_front);
  std::ranges::sort(front, {}, &ScatterPoint::x);
  return front;
}

// A step from each point of the front to the next: in between no run reaches more.
void DrawFront(Markup& svg, const ScatterChart& chart, const LinearScale& x, const LinearScale& y) {
  std::string path;
  for (const ScatterPoint& point : Front(chart))
    path += path.empty() ? fmt::format("M{} {}", Coordinate(x(point.x)), Coordinate(y(point.y)))
                         : fmt::format("H{}V{}", Coordinate(x(point.x)), Coordinate(y(point.y)));
  svg.Empty("path", {{"class", "front"}, {"d", path}});
}

// Those on the front first; a point near which there is no room stays without.
void DrawLabels(Markup& svg, const ScatterChart& chart, const Box& box, const LinearScale& x,
                const LinearScale& y) {
  LabelLayout layout(box);
  for (const ScatterPoint& point : chart.points) {
    const double px = x(point.x), py = y(point.y);
    layout.Forbid({px - kRadius - kLabelGap, py - kRadius - kLabelGap, px + kRadius + kLabelGap,
                   py + kRadius + kLabelGap});
    layout.Avoid({px - 1, y(High(point, chart.y_limit)), px + 1, y(Low(point))});
  }
  const std::vector<ScatterPoint> front = Front(chart);
  for (size_t i = 1; i < front.size(); ++i) {
    const double x1 = x(front[i - 1].x), y1 = y(front[i - 1].y), x2 = x(front[i].x), y2 = y(front[i].y);
    layout.Avoid({x1, y1 - 1, x2, y1 + 1});
    layout.Avoid({x2 - 1, y2, x2 + 1, y1});
  }
  for (const bool on_front : {true, false}) {
    for (const ScatterPoint& point : chart.points) {
      if (point.on_front != on_front || (!on_front && chart.points.size() > kMostNames)) continue;
      const auto place = layout.Place(x(point.x), y(point.y), TextWidth(point.label));
      if (!place) continue;
      if (place->is_far) DrawLine(svg, "leader", x(point.x), y(point.y), place->x, place->y - kFontPx / 3);
      DrawText(svg, on_front ? "label strong" : "label", place->x, place->y, place->anchor, point.label);
    }
  }
}

}  // namespace

void Draw(const ScatterChart& chart, Markup& out) {
  const Ticks x_ticks = XTicks(chart), y_ticks = YTicks(chart);
  const double left = kMargin + YAxisWidth(y_ticks);
  const double right = kWidth - kMargin - TextWidth(x_ticks.labels.back()) / 2;
  const Box box = {left, kYLabelHeight, right, kYLabelHeight + kPlotHeight};
  const double legend_top = box.bottom + kXAxisHeight + kLabelGap;
  const double height = legend_top + LegendHeight(chart.legend, box.right - box.left);
  const LinearScale x(x_ticks.values.front(), x_ticks.values.back(), box.left, box.right);
  const LinearScale y(y_ticks.values.front(), y_ticks.values.back(), box.bottom, box.top);

  const Svg svg(out, chart.text, kWidth, height);
  DrawYAxis(out, box, y, y_ticks, chart.y_label);
  DrawXAxis(out, box, x, x_ticks, chart.x_label);
  DrawFront(out, chart, x, y);
  for (const ScatterPoint& point : chart.points)
    if (point.half_width)
      DrawLine(out, "interval " + ColorClass(point.style), x(point.x), y(Low(point)), x(point.x),
               y(High(point, chart.y_limit)));
  for (const ScatterPoint& point : chart.points)
    DrawMark(out, point.style, x(point.x), y(point.y), kRadius, !point.on_front);
  DrawLabels(out, chart, {box.left, box.top - kYLabelHeight / 2, kWidth, box.bottom}, x, y);
  DrawLegend(out, chart.legend, box.left, legend_top, box.right - box.left);
}

}  // namespace kvscope
