// Percentages along ordered classes, a line a series: small, to stand beside others of its kind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/report/charts/mark.h"
#include "eval/report/charts/svg.h"

namespace kvscope {

struct LineSeries {
  std::string label;                                // stands at the line's end
  SeriesStyle style;                                // kReferenceColor: drawn without marks and intervals
  std::vector<std::optional<MeanInterval>> values;  // [classes], percent
};

struct LineChart {
  ChartText text;
  std::string x_label;
  std::vector<std::string> classes;
  std::vector<LineSeries> series;
};

// REQUIRES: at least one class; every series has a value slot for each.
void Draw(const LineChart& chart, Markup& out);

}  // namespace kvscope
