// A report as one HTML file that needs nothing else: no network, no script.
#pragma once

#include <string>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

// Well-formed XML, too. The same groups give the same bytes. `with_times` false leaves out what differs from
// run to run.
std::string ToHtml(const std::vector<ReportGroup>& groups, bool with_times);

}  // namespace kvscope
