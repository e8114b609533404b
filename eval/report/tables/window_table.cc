#include <algorithm>
#include <map>
#include <set>

#include "eval/report/tables/percent_cell.h"
#include "eval/report/tables/tables.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr int kNoWindow = 0;

// The label without its window.
std::string LineName(const ReportRow& row) {
  if (!row.run.config.window) return row.label;
  const std::string window = fmt::format(" W={}", *row.run.config.window);
  std::string name = row.label;
  const size_t at = name.find(window);
  return at == std::string::npos ? name : name.erase(at, window.size());
}

}  // namespace

std::optional<ReportTable> WindowTable(const ReportGroup& group) {
  std::set<int> windows;
  std::vector<std::string> names;
  std::map<std::pair<std::string, int>, const ReportRow*> rows;
  for (const ReportRow& row : group.rows) {
    const std::string name = LineName(row);
    const int window = row.run.config.window.value_or(kNoWindow);
    windows.insert(window);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    rows[{name, window}] = &row;
  }
  if (windows.empty() || *windows.rbegin() == kNoWindow) return std::nullopt;

  ReportTable table{.id = "by-window",
                    .title = "Accuracy by method and window",
                    .caption = "Percent right. W: tokens a head holds in decoding.",
                    .columns = {{"method", "", true}},
                    .lines = {}};
  for (const int window : windows)
    table.columns.push_back(
        {window == kNoWindow ? std::string("no window") : fmt::format("W={}", window), ""});
  for (const std::string& name : names) {
    std::vector<TableCell>& line = table.lines.emplace_back();
    line.push_back({name});
    for (const int window : windows) {
      const auto found = rows.find({name, window});
      line.push_back(found == rows.end() ? TableCell{} : PercentCell(found->second->accuracy));
    }
  }
  return table;
}

}  // namespace kvscope
