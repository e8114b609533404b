// How an accuracy stands in a table.
#pragma once

#include <optional>

#include "eval/metrics/mean_interval.h"
#include "eval/report/tables/report_table.h"

namespace kvscope {

// "76.0 ± 7.1", shaded by the mean; empty where there is no value, without the interval where there is none.
TableCell PercentCell(const std::optional<MeanInterval>& percent);

}  // namespace kvscope
