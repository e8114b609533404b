#include <algorithm>

#include "eval/report/tables/percent_cell.h"
#include "eval/report/tables/tables.h"

namespace kvscope {
namespace {

using Slices = std::vector<Slice> ReportRow::*;

// Fills in columns and lines. Slices without a question in any run are left out; nullopt when none is left.
std::optional<ReportTable> SliceTable(const ReportGroup& group, Slices slices, ReportTable table) {
  table.columns.push_back({"run", "", true});
  for (const ReportRow& row : group.rows) table.lines.push_back({{row.label}});
  const size_t count = group.rows.empty() ? 0 : (group.rows.front().*slices).size();
  for (size_t s = 0; s < count; ++s) {
    const auto asked = [&](const ReportRow& row) { return (row.*slices)[s].questions > 0; };
    if (std::ranges::none_of(group.rows, asked)) continue;
    table.columns.push_back({(group.rows.front().*slices)[s].name, ""});
    for (size_t i = 0; i < group.rows.size(); ++i)
      table.lines[i].push_back(PercentCell((group.rows[i].*slices)[s].accuracy));
  }
  if (table.columns.size() == 1) return std::nullopt;
  return table;
}

}  // namespace

std::optional<ReportTable> IndexTable(const ReportGroup& group) {
  return SliceTable(group, &ReportRow::by_index,
                    {.id = "by-index",
                     .title = "Accuracy along the output",
                     .caption = "Percent right, by the question's place in the output.",
                     .columns = {},
                     .lines = {}});
}

std::optional<ReportTable> KindTable(const ReportGroup& group) {
  return SliceTable(group, &ReportRow::by_kind,
                    {.id = "by-kind",
                     .title = "Accuracy by kind of question",
                     .caption = "Percent right. A direct question needs the prompt, a chained one an earlier "
                                "answer: near is at most 3 questions back, far any number.",
                     .columns = {},
                     .lines = {}});
}

std::optional<ReportTable> DistanceTable(const ReportGroup& group) {
  return SliceTable(
      group, &ReportRow::by_distance,
      {.id = "by-distance",
       .title = "Accuracy by distance of the reference",
       .caption = "Percent right of the chained questions, by how many questions back the answer "
                  "stands that they need.",
       .columns = {},
       .lines = {}});
}

}  // namespace kvscope
