#include "eval/report/tables/tables.h"

namespace kvscope {

std::optional<ReportTable> MissTable(const ReportGroup& group) {
  ReportTable table{
      .id = "misses",
      .title = "First miss of each run",
      .caption = "The first question that was not answered right, and what the scorer read there.",
      .columns = {{"run", "", true},
                  {"sample", "", true},
                  {"question", ""},
                  {"asked", "", true},
                  {"expected", "", true},
                  {"output", "empty: the question was not taken up", true}},
      .lines = {}};
  for (const ReportRow& row : group.rows) {
    if (!row.first_miss) continue;
    const Miss& miss = *row.first_miss;
    table.lines.push_back({{row.label},
                           {miss.sample},
                           {std::to_string(miss.number)},
                           {miss.question},
                           {miss.gold},
                           {miss.output}});
  }
  if (table.lines.empty()) return std::nullopt;
  return table;
}

}  // namespace kvscope
