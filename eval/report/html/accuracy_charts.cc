// Accuracy against what it costs.
#include <cmath>

#include "eval/report/byte_unit.h"
#include "eval/report/charts/scatter_chart.h"
#include "eval/report/cost_points.h"
#include "eval/report/html/group_charts.h"
#include "eval/report/html/method_styles.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

// `unit` divides the costs.
bool DrawAgainst(const ReportGroup& group, const std::vector<CostPoint>& points, double unit,
                 ScatterChart chart, Markup& out) {
  if (points.empty()) return false;
  const auto styles = MethodStyles(group);
  std::string front;
  for (const CostPoint& point : points) {
    const ReportRow& row = *point.row;
    chart.points.push_back({.x = point.cost / unit,
                            .y = row.accuracy->mean,
                            .half_width = row.accuracy->half_width,
                            .label = row.label,
                            .style = styles.at(row.run.config.method),
                            .on_front = point.on_front});
    if (point.on_front) front += fmt::format("{}{}", front.empty() ? "" : ", ", row.label);
  }
  for (const auto& [method, style] : styles) chart.legend.push_back({method, style});
  chart.legend.push_back({"Pareto front", kReferenceStyle, LegendEntry::Kind::kFront});
  chart.legend.push_back({"not on it: hollow", kReferenceStyle, LegendEntry::Kind::kHollowMark});
  chart.legend.push_back({"95 % interval", kReferenceStyle, LegendEntry::Kind::kInterval});
  chart.text.description =
      fmt::format("Scatter plot of {} runs. On the Pareto front: {}. Every value is in the table of runs.",
                  points.size(), front);
  Draw(chart, out);
  return true;
}

}  // namespace

bool DrawAccuracyAgainstBytes(const ReportGroup& group, const std::string& id, Markup& out) {
  const std::vector<CostPoint> points = CostPoints(group, PeakBytes);
  double largest = 0;
  for (const CostPoint& point : points) largest = std::max(largest, point.cost);
  const ByteUnit unit = ByteUnitFor(largest);
  ScatterChart chart;
  chart.text = {id, "Accuracy against the cache's peak size", ""};
  chart.x_label = fmt::format("KV bytes at the peak, {}", unit.name);
  chart.y_label = "% right";
  return DrawAgainst(group, points, unit.bytes, std::move(chart), out);
}

bool DrawAccuracyAgainstStep(const ReportGroup& group, const std::string& id, Markup& out) {
  constexpr double kSecondsPerMs = 1e-3;
  ScatterChart chart;
  chart.text = {id, "Accuracy against the median time of a decode step", ""};
  chart.x_label = "decode step p50, ms";
  chart.y_label = "% right";
  return DrawAgainst(group, CostPoints(group, StepSeconds), kSecondsPerMs, std::move(chart), out);
}

}  // namespace kvscope
