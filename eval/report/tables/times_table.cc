#include "eval/report/tables/tables.h"
#include "fmt/format.h"

namespace kvscope {

std::optional<ReportTable> TimesTable(const ReportGroup& group) {
  ReportTable table{.id = "times",
                    .title = "Where the time goes",
                    .caption = "Seconds of a sample, means over samples, of the runs that recorded times.",
                    .columns = {{"run", "", true},
                                {"prefill s", "reading the prompt"},
                                {"compress s", "scoring and compressing the prompt's cache"},
                                {"decode s", "decoding but for selection: attention, projections, sampling"},
                                {"select s", "selection and eviction while decoding"},
                                {"sum s", ""},
                                {"select %", "selection's share of the sum"}},
                    .lines = {}};
  for (const ReportRow& row : group.rows) {
    if (!row.times) continue;
    const Times& times = *row.times;
    const double sum =
        times.mean_prefill_s + times.mean_compress_s + times.mean_decode_rest_s + times.mean_select_s;
    std::vector<TableCell>& line = table.lines.emplace_back();
    line.push_back({row.label});
    for (const double seconds :
         {times.mean_prefill_s, times.mean_compress_s, times.mean_decode_rest_s, times.mean_select_s, sum})
      line.push_back({fmt::format("{:.4f}", seconds)});
    line.push_back({sum > 0 ? fmt::format("{:.1f}", 100 * times.mean_select_s / sum) : std::string()});
  }
  if (table.lines.empty()) return std::nullopt;
  return table;
}

}  // namespace kvscope
