#include <algorithm>
#include <array>
#include <span>
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

TableColumn HeaderOf(const ReportColumn& column) {
  return {std::string(column.name), std::string(column.meaning), column.key == kMethodKey};
}

// Columns that say something of some run.
ReportTable MakeTable(const ReportGroup& group, std::span<const ReportColumn> columns, bool with_times,
                      TableCell (*cell)(const ReportColumn& column, const ReportRow& row)) {
  ReportTable table{.id = "runs",
                    .title = "Runs",
                    .caption = group.title,
                    .columns = {},
                    .lines = std::vector<std::vector<TableCell>>(group.rows.size())};
  for (const ReportColumn& column : columns) {
    if (column.measures_time && !with_times) continue;
    std::vector<TableCell> cells;
    for (const ReportRow& row : group.rows) cells.push_back(cell(column, row));
    if (std::ranges::all_of(cells, [](const TableCell& c) { return c.text.empty(); })) continue;
    table.columns.push_back(HeaderOf(column));
    for (size_t i = 0; i < cells.size(); ++i) table.lines[i].push_back(std::move(cells[i]));
  }
  return table;
}

}  // namespace

ReportTable RunsTable(const ReportGroup& group, bool with_times) {
  return MakeTable(group, ReportColumns(), with_times, [](const ReportColumn& column, const ReportRow& row) {
    return TableCell{column.cell(row)};
  });
}

ReportTable PaperTable(const ReportGroup& group, bool with_times) {
  std::vector<ReportColumn> columns;
  for (const std::string_view key : kPaperColumns) columns.push_back(FindReportColumn(key));
  return MakeTable(group, columns, with_times, [](const ReportColumn& column, const ReportRow& row) {
    return column.key == kAccuracyKey ? PercentCell(row.accuracy) : TableCell{column.cell(row)};
  });
}

}  // namespace kvscope
