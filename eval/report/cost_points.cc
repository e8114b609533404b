#include "eval/report/cost_points.h"

#include "eval/report/pareto.h"

namespace kvscope {

std::optional<double> PeakBytes(const ReportRow& row) {
  return row.ledger ? std::optional(row.ledger->peak_bytes) : std::nullopt;
}

std::optional<double> StepSeconds(const ReportRow& row) {
  return row.times ? std::optional(row.times->step_p50_s) : std::nullopt;
}

std::vector<CostPoint> CostPoints(const ReportGroup& group, Cost cost) {
  std::vector<CostPoint> points;
  std::vector<CostAndGain> costs_and_gains;
  for (const ReportRow& row : group.rows) {
    const std::optional<double> value = cost(row);
    if (!value || !IsPlausible(*value) || !row.accuracy) continue;
    points.push_back({&row, *value});
    costs_and_gains.push_back({*value, row.accuracy->mean});
  }
  for (const size_t i : ParetoFront(costs_and_gains)) points[i].on_front = true;
  return points;
}

}  // namespace kvscope
