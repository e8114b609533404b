// The columns of a report: one list makes the header, the cells and the explanation.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "eval/report/report_row.h"

namespace kvscope {

struct ReportColumn {
  std::string_view name;                      // "accuracy %"
  std::string_view key;                       // of a CSV file: "accuracy_percent"
  std::string_view meaning;                   // a line of explanation
  std::string (*cell)(const ReportRow& row);  // empty where the run does not say
  bool measures_time = false;                 // differs from run to run
};

std::span<const ReportColumn> ReportColumns();

// REQUIRES: `key` is one of a column.
const ReportColumn& FindReportColumn(std::string_view key);

}  // namespace kvscope
