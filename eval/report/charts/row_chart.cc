#include "eval/report/charts/row_chart.h"

#include <algorithm>

#include "eval/report/charts/axes.h"
#include "eval/report/charts/bar_fill.h"

namespace kvscope {
namespace {

constexpr double kWidth = 580;
constexpr double kMargin = 10;
constexpr double kRowHeight = 24;
constexpr double kRadius = 4.5;
constexpr double kBarHeight = 14;
constexpr int kTicks = 6;

double Sum(const ChartRow& row) {
  double sum = 0;
  for (const auto& value : row.values) sum += value ? value->mean : 0;
  return sum;
}

double Largest(const ChartRow& row) {
  double largest = 0;
  for (const auto& value : row.values)
    if (value) largest = std::max(largest, value->mean + value->half_width.value_or(0));
  return largest;
}

// Labels, axis and legend; the rows themselves are the caller's.
struct Frame {
  Box box;
  LinearScale x;
  Ticks ticks;
  double height;

  double RowMiddle(size_t row) const { return box.top + kRowHeight * (static_cast<double>(row) + 0.5); }
};

std::vector<LegendEntry> Legend(const RowChart& chart, LegendEntry::Kind kind) {
  std::vector<LegendEntry> entries;
  for (size_t s = 0; s < chart.series.size(); ++s)
    entries.push_back({chart.series[s], SeriesStyle::Of(static_cast<int>(s)), kind});
  return entries;
}

Frame MakeFrame(const RowChart& chart, double largest, const std::vector<LegendEntry>& legend) {
  const Ticks ticks = NiceTicks(0, chart.x_limit.value_or(largest), kTicks);
  double label_width = 0;
  for (const ChartRow& row : chart.rows) label_width = std::max(label_width, TextWidth(row.label));
  const double legend_height = LegendHeight(legend, kWidth - 2 * kMargin);
  const double left = std::min(label_width + 2 * kMargin, kWidth / 2);
  const Box box = {left, legend_height + kMargin, kWidth - 2 * kMargin,
                   legend_height + kMargin + kRowHeight * static_cast<double>(chart.rows.size())};
  return {box, LinearScale(0, ticks.values.back(), box.left, box.right), ticks, box.bottom + kXAxisHeight};
}

void DrawFrame(const RowChart& chart, const Frame& frame, const std::vector<LegendEntry>& legend,
               Markup& out) {
  DrawLegend(out, legend, kMargin, 0, kWidth - 2 * kMargin);
  DrawXAxis(out, frame.box, frame.x, frame.ticks, chart.x_label);
  for (size_t row = 0; row < chart.rows.size(); ++row)
    DrawText(out, "label", frame.box.left - kMargin, frame.RowMiddle(row) + kFontPx / 3, "end",
             chart.rows[row].label);
}

}  // namespace

void DrawDots(const RowChart& chart, Markup& out) {
  double largest = 0;
  for (const ChartRow& row : chart.rows) largest = std::max(largest, Largest(row));
  const auto legend = Legend(chart, LegendEntry::Kind::kMark);
  const Frame frame = MakeFrame(chart, largest, legend);
  const Svg svg(out, chart.text, kWidth, frame.height);
  DrawFrame(chart, frame, legend, out);
  // Series stand a little above each other, so that equal values stay visible.
  const double step = chart.series.size() > 1 ? 10.0 / static_cast<double>(chart.series.size() - 1) : 0;
  for (size_t row = 0; row < chart.rows.size(); ++row) {
    DrawLine(out, "row-line", frame.box.left, frame.RowMiddle(row), frame.box.right, frame.RowMiddle(row));
    for (size_t s = 0; s < chart.rows[row].values.size(); ++s) {
      const auto& value = chart.rows[row].values[s];
      if (!value) continue;
      const SeriesStyle style = SeriesStyle::Of(static_cast<int>(s));
      const double y = frame.RowMiddle(row) +
                       step * (static_cast<double>(s) - static_cast<double>(chart.series.size() - 1) / 2);
      if (value->half_width)
        DrawLine(out, "interval " + ColorClass(style), frame.x.Clamped(value->mean - *value->half_width), y,
                 frame.x.Clamped(value->mean + *value->half_width), y);
      DrawMark(out, style, frame.x(value->mean), y, kRadius);
    }
  }
}

void DrawBars(const RowChart& chart, Markup& out) {
  double largest = 0;
  for (const ChartRow& row : chart.rows) largest = std::max(largest, Sum(row));
  const auto legend = Legend(chart, LegendEntry::Kind::kBar);
  const Frame frame = MakeFrame(chart, largest, legend);
  const Svg svg(out, chart.text, kWidth, frame.height);
  DrawFrame(chart, frame, legend, out);
  for (size_t row = 0; row < chart.rows.size(); ++row) {
    double before = 0;
    for (size_t s = 0; s < chart.rows[row].values.size(); ++s) {
      const auto& value = chart.rows[row].values[s];
      if (!value || value->mean <= 0) continue;
      const double left = frame.x(before), right = frame.x(before + value->mean);
      DrawBarPart(out, SeriesStyle::Of(static_cast<int>(s)), left, frame.RowMiddle(row) - kBarHeight / 2,
                  right - left, kBarHeight);
      before += value->mean;
    }
  }
}

}  // namespace kvscope
