// Short names that tell the runs of a group apart.
#pragma once

#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

// Method, C and W where a run has them; further settings only where the group's runs differ in them; the
// folder where that does not tell two runs apart.
void SetLabels(std::vector<ReportRow>& rows);

}  // namespace kvscope
