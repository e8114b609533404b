#include "eval/report/charts/line_chart.h"

#include <algorithm>
#include <cmath>

#include "eval/report/charts/axes.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr double kWidth = 320;
constexpr double kPlotHeight = 150;
constexpr double kMargin = 8;
constexpr double kRadius = 3.5;
constexpr double kLabelHeight = kFontPx + 1;
// Series stand a little beside each other, so that equal values and intervals stay visible.
constexpr double kSideStep = 3;
constexpr double kMostShift = 6;
// With more series, intervals would hide the lines.
constexpr size_t kMostIntervals = 3;
// Of the mark before a label.
constexpr double kKeyWidth = 14;

bool IsReference(const LineSeries& series) { return series.style.color == kReferenceColor; }

struct EndLabel {
  double y = 0;
  const LineSeries* series = nullptr;
};

// The labels' places: at their lines' last values, pushed apart where these lie close together.
std::vector<EndLabel> PlaceEndLabels(const LineChart& chart, const LinearScale& y) {
  std::vector<EndLabel> labels;
  for (const LineSeries& series : chart.series) {
    const auto last = std::ranges::find_if(series.values.rbegin(), series.values.rend(),
                                           [](const auto& value) { return value.has_value(); });
    if (last != series.values.rend() && !series.label.empty()) labels.push_back({y((*last)->mean), &series});
  }
  std::ranges::stable_sort(labels, {}, &EndLabel::y);
  for (size_t i = 1; i < labels.size(); ++i)
    labels[i].y = std::max(labels[i].y, labels[i - 1].y + kLabelHeight);
  // What went below the axis goes up again.
  double limit = y.begin() + kFontPx / 2;
  for (size_t i = labels.size(); i-- > 0; limit = labels[i].y - kLabelHeight)
    labels[i].y = std::min(labels[i].y, limit);
  return labels;
}

void DrawSeries(Markup& svg, const LineSeries& series, double shift, bool with_intervals,
                const LinearScale& x, const LinearScale& y) {
  std::string path;
  bool is_down = false;
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (series.values[i])
      path += fmt::format("{}{} {}", is_down ? "L" : "M", Coordinate(x(static_cast<double>(i)) + shift),
                          Coordinate(y(series.values[i]->mean)));
    is_down = series.values[i].has_value();
  }
  const std::string color = ColorClass(series.style);
  svg.Empty("path", {{"class", fmt::format("series {}", color)}, {"d", path}});
  if (IsReference(series)) return;
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!series.values[i]) continue;
    const double px = x(static_cast<double>(i)) + shift, mean = series.values[i]->mean;
    if (const auto half = series.values[i]->half_width; half && with_intervals)
      DrawLine(svg, "interval " + color, px, y.Clamped(mean - *half), px, y.Clamped(mean + *half));
    DrawMark(svg, series.style, px, y(mean), kRadius);
  }
}

// Class labels that would run into each other are left out, every second one or more.
Ticks ClassTicks(const LineChart& chart, double room) {
  double widest = 0;
  for (const std::string& name : chart.classes) widest = std::max(widest, TextWidth(name) + 6);
  const auto step = static_cast<size_t>(std::max(1.0, std::ceil(widest / room)));
  Ticks ticks;
  for (size_t i = 0; i < chart.classes.size(); ++i) {
    ticks.values.push_back(static_cast<double>(i));
    ticks.labels.push_back(i % step == 0 ? chart.classes[i] : std::string());
  }
  return ticks;
}

}  // namespace

void Draw(const LineChart& chart, Markup& out) {
  const Ticks y_ticks = NiceTicks(0, 100, 3);
  double label_width = 0;
  for (const LineSeries& series : chart.series) label_width = std::max(label_width, TextWidth(series.label));
  const Box box = {kMargin + YAxisWidth(y_ticks), kYLabelHeight, kWidth - kMargin - kKeyWidth - label_width,
                   kYLabelHeight + kPlotHeight};
  const double inset = 12, count = static_cast<double>(chart.classes.size());
  const LinearScale x(0, std::max(1.0, count - 1), box.left + inset, box.right - inset);
  const LinearScale y(0, 100, box.bottom, box.top);

  const Svg svg(out, chart.text, kWidth, box.bottom + kXAxisHeight);
  DrawYAxis(out, box, y, y_ticks, "% right");
  DrawXAxis(out, box, x, ClassTicks(chart, x(1) - x(0)), chart.x_label);
  const size_t drawn =
      chart.series.size() - static_cast<size_t>(std::ranges::count_if(chart.series, IsReference));
  const double gaps = static_cast<double>(std::max<size_t>(drawn, 2) - 1);
  const double step = std::min(kSideStep, 2 * kMostShift / gaps);
  double shift = drawn > 1 ? -step * gaps / 2 : 0;
  for (const LineSeries& series : chart.series) {
    DrawSeries(out, series, IsReference(series) ? 0 : shift, drawn <= kMostIntervals, x, y);
    if (!IsReference(series)) shift += step;
  }
  for (const EndLabel& label : PlaceEndLabels(chart, y)) {
    const bool is_reference = IsReference(*label.series);
    if (!is_reference) DrawMark(out, label.series->style, box.right + kKeyWidth / 2, label.y, kRadius);
    DrawText(out, is_reference ? "label faint" : "label", box.right + kKeyWidth, label.y + kFontPx / 3,
             "start", label.series->label);
  }
}

}  // namespace kvscope
