// One look a method, the same in every picture of a group.
#pragma once

#include <map>
#include <string>

#include "eval/report/charts/mark.h"
#include "eval/report/report_row.h"

namespace kvscope {

// The methods of a group by name; the uncompressed one has the reference style.
std::map<std::string, SeriesStyle> MethodStyles(const ReportGroup& group);

}  // namespace kvscope
