// Points with intervals, and the front of those that no other beats.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/report/charts/axes.h"
#include "eval/report/charts/svg.h"

namespace kvscope {

struct ScatterPoint {
  double x = 0;
  double y = 0;
  std::optional<double> half_width;  // of the interval of y
  std::string label;
  SeriesStyle style;
  bool on_front = false;
};

struct ScatterChart {
  ChartText text;
  std::string x_label;
  std::string y_label;
  double y_limit = 100;  // intervals are cut at 0 and here
  std::vector<ScatterPoint> points;
  std::vector<LegendEntry> legend;
};

// REQUIRES: at least one point, all finite.
void Draw(const ScatterChart& chart, Markup& out);

}  // namespace kvscope
