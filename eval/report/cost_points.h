// Runs as points: what each costs, and how accurate it is.
#pragma once

#include <optional>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

struct CostPoint {
  const ReportRow* row = nullptr;
  double cost = 0;
  bool on_front = false;  // no other run costs no more and is as accurate
};

// nullopt where a run does not say.
using Cost = std::optional<double> (*)(const ReportRow& row);
std::optional<double> PeakBytes(const ReportRow& row);
std::optional<double> StepSeconds(const ReportRow& row);  // median decode step

// The rows that have both an accuracy and a cost, in order. REQUIRES: `group` outlives the points.
std::vector<CostPoint> CostPoints(const ReportGroup& group, Cost cost);

}  // namespace kvscope
