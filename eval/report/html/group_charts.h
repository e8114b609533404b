// The pictures of a group of runs. Each says whether there was something to draw.
#pragma once

#include <string>

#include "eval/report/markup.h"
#include "eval/report/report_row.h"

namespace kvscope {

// `id` is unique in the page.
bool DrawAccuracyAgainstBytes(const ReportGroup& group, const std::string& id, Markup& out);
bool DrawAccuracyAgainstStep(const ReportGroup& group, const std::string& id, Markup& out);
// A picture a method, the uncompressed run in each.
bool DrawAlongOutput(const ReportGroup& group, const std::string& id, Markup& out);
bool DrawByDistance(const ReportGroup& group, const std::string& id, Markup& out);
bool DrawByKind(const ReportGroup& group, const std::string& id, Markup& out);
bool DrawTermination(const ReportGroup& group, const std::string& id, Markup& out);
bool DrawTimes(const ReportGroup& group, const std::string& id, Markup& out);
bool DrawLedger(const ReportGroup& group, const std::string& id, Markup& out);

}  // namespace kvscope
