#include <array>
#include <string_view>

#include "eval/report/report_columns.h"
#include "eval/report/tables/percent_cell.h"
#include "eval/report/tables/tables.h"

namespace kvscope {
namespace {

constexpr std::string_view kMethodKey = "method";
constexpr std::string_view kAccuracyKey = "accuracy_percent";
// By key. Accuracy bears its interval.
constexpr std::array<std::string_view, 7> kPaperColumns = {
    kMethodKey, "prefill_budget", "window", kAccuracyKey, "kv_peak_mib", "kv_share_percent", "step_p50_ms"};

ReportTable EmptyTable(const ReportGroup& group) {
  return {.id = "runs",
          .title = "Runs",
          .caption = group.title,
          .columns = {},
          .lines = std::vector<std::vector<TableCell>>(group.rows.size())};
}

TableColumn HeaderOf(const ReportColumn& column) {
  return {std::string(column.name), std::string(column.meaning), column.key == kMethodKey};
}

}  // namespace

ReportTable RunsTable(const ReportGroup& group, bool with_times) {
  ReportTable table = EmptyTable(group);
  for (const ReportColumn& column : ReportColumns()) {
    if (column.measures_time && !with_times) continue;
    table.columns.push_back(HeaderOf(column));
    for (size_t i = 0; i < group.rows.size(); ++i) table.lines[i].push_back({column.cell(group.rows[i])});
  }
  return table;
}

ReportTable PaperTable(const ReportGroup& group, bool with_times) {
  ReportTable table = EmptyTable(group);
  for (const std::string_view key : kPaperColumns) {
    const ReportColumn& column = FindReportColumn(key);
    if (column.measures_time && !with_times) continue;
    std::vector<TableCell> cells;
    bool is_empty = true;
    for (const ReportRow& row : group.rows) {
      cells.push_back(key == kAccuracyKey ? PercentCell(row.accuracy) : TableCell{column.cell(row)});
      is_empty = is_empty && cells.back().text.empty();
    }
    if (is_empty) continue;
    table.columns.push_back(HeaderOf(column));
    for (size_t i = 0; i < cells.size(); ++i) table.lines[i].push_back(std::move(cells[i]));
  }
  return table;
}

}  // namespace kvscope
