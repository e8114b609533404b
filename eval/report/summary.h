// What a group of runs says, in sentences.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

struct SummarySentence {
  std::string text;
  std::string section;  // what stands behind it: a ReportTable::id, or one of a picture
};

// The section of accuracy against the time of a step: what stands there differs from run to run.
inline constexpr std::string_view kStepSection = "accuracy-step";

inline constexpr std::string_view kProvenanceSection = "provenance";

// How much accuracy a method may lose, in percent points, and still be proposed instead of the full cache.
inline constexpr double kTolerablePoints = 2;

std::vector<SummarySentence> Summarize(const ReportGroup& group);

}  // namespace kvscope
