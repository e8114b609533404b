// A table of a report as HTML.
#pragma once

#include <string>

#include "eval/report/markup.h"
#include "eval/report/tables/report_table.h"

namespace kvscope {

// With caption, header cells that bear their scope, and what the columns mean below it. `anchor` is the
// table's id in the page.
void WriteTable(const ReportTable& table, const std::string& anchor, Markup& out);

}  // namespace kvscope
