// A report as Markdown.
#pragma once

#include <string>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

// For each group what it says in sentences, its tables, aligned to be read as they are, what each column is,
// and the warnings. `with_times` false leaves out what differs from run to run.
std::string ToMarkdown(const std::vector<ReportGroup>& groups, bool with_times);

}  // namespace kvscope
