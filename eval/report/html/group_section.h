// The part of an HTML report that is about one group of runs.
#pragma once

#include <string>

#include "eval/report/markup.h"
#include "eval/report/report_row.h"

namespace kvscope {

// `anchor` begins every id in it.
void WriteGroup(const ReportGroup& group, const std::string& anchor, bool with_times, Markup& out);

}  // namespace kvscope
