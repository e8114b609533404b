// A report as CSV, RFC 4180.
#pragma once

#include <string>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

// One line a run; group, folder and warnings are columns.
std::string ToCsv(const std::vector<ReportGroup>& groups);

}  // namespace kvscope
