// What a reader has to know before believing the figures of a group.
#pragma once

#include <span>
#include <vector>

#include "eval/report/report_row.h"

namespace kvscope {

// Fewer prompts than this and an interval says little.
inline constexpr int kFewPrompts = 10;

// REQUIRES: `rows` are made from `runs`, in the same order.
std::vector<ReportWarning> GroupWarnings(std::span<const JudgedRun> runs, std::span<const ReportRow> rows);

}  // namespace kvscope
