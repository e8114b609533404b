// A report as tables for a paper.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

// Text as it may stand in a LaTeX paragraph. "±" becomes math.
std::string EscapeLatex(std::string_view text);

// Tables by booktabs, each with caption and label; comments say how they were made and what they need.
// `with_times` false leaves out what differs from run to run.
std::string ToLatex(const std::vector<ReportGroup>& groups, bool with_times);

}  // namespace kvscope
