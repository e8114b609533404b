#include "eval/report/tables/tables.h"

namespace kvscope {

ReportTable TerminationTable(const ReportGroup& group) {
  ReportTable table{
      .id = "termination",
      .title = "How outputs ended",
      .caption = "Samples by how their output ended.",
      .columns = {{"run", "", true},
                  {"samples", ""},
                  {"end of text", "the model ended its output"},
                  {"length cap", "cut at the most new tokens that were allowed"},
                  {"error", "no valid output; counts as wrong"},
                  {"unknown", "imported runs do not say"},
                  {"overrun",
                   "went on behind the last question or answered what was not asked; counted in one of "
                   "the columns before, too"}},
      .lines = {}};
  for (const ReportRow& row : group.rows) {
    std::vector<TableCell>& line = table.lines.emplace_back();
    line.push_back({row.label});
    const Termination& ended = row.termination;
    for (const int count :
         {row.score.samples, ended.eos, ended.length, ended.error, ended.unknown, row.score.overrun})
      line.push_back({std::to_string(count)});
  }
  return table;
}

}  // namespace kvscope
