// Values of each run on a line of its own, below one another: marks on a scale, or parts of a bar.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/report/charts/mark.h"
#include "eval/report/charts/svg.h"

namespace kvscope {

struct ChartRow {
  std::string label;
  std::vector<std::optional<MeanInterval>> values;  // [series]
};

struct RowChart {
  ChartText text;
  std::string x_label;
  std::optional<double> x_limit;  // the scale's upper end where it is known, as 100 of percent
  std::vector<std::string> series;
  std::vector<ChartRow> rows;
};

// A mark a value, with its interval. REQUIRES: a row, a series, and values that are finite and not negative.
void DrawDots(const RowChart& chart, Markup& out);

// The values of a row one behind the other. Intervals are not drawn.
void DrawBars(const RowChart& chart, Markup& out);

}  // namespace kvscope
