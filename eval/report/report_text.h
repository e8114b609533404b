// A report as a file.
#pragma once

#include <string>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

// A table a group, aligned to be read as it is, then what each column is and the warnings. `with_times` false
// leaves out the columns that differ from run to run.
std::string ToMarkdown(const std::vector<ReportGroup>& groups, bool with_times);

// One line a run, RFC 4180; group and warnings are columns.
std::string ToCsv(const std::vector<ReportGroup>& groups);

}  // namespace kvscope
