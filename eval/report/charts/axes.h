// The frame of a picture: axes, grid, legend.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/report/charts/mark.h"
#include "eval/report/charts/scale.h"
#include "eval/report/markup.h"

namespace kvscope {

// In pixels; y grows downwards.
struct Box {
  double left = 0;
  double top = 0;
  double right = 0;
  double bottom = 0;
};

// Grid lines over `box`, tick labels below it, and the axis' label below these.
void DrawXAxis(Markup& svg, const Box& box, const LinearScale& scale, const Ticks& ticks,
               std::string_view label);
// The pixels that DrawXAxis takes below the box.
inline constexpr double kXAxisHeight = 42;

// Likewise at the left; the label stands above the axis' upper end.
void DrawYAxis(Markup& svg, const Box& box, const LinearScale& scale, const Ticks& ticks,
               std::string_view label);
// The pixels that DrawYAxis takes above the box.
inline constexpr double kYLabelHeight = 22;
// The pixels that the tick labels take at the left of the box.
double YAxisWidth(const Ticks& ticks);

struct LegendEntry {
  enum class Kind { kMark, kHollowMark, kFront, kInterval, kBar };
  std::string name;
  SeriesStyle style;
  Kind kind = Kind::kMark;
};

// Entries one after the other, on as many lines as `width` needs.
double LegendHeight(const std::vector<LegendEntry>& entries, double width);
void DrawLegend(Markup& svg, const std::vector<LegendEntry>& entries, double left, double top, double width);

}  // namespace kvscope
