#include <algorithm>

#include "eval/report/byte_unit.h"
#include "eval/report/tables/tables.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

std::string OrEmpty(const std::optional<int>& value) { return value ? std::to_string(*value) : ""; }

std::vector<TableColumn> Columns(const ByteUnit& unit) {
  const auto in_unit = [&](std::string_view name) { return fmt::format("{} {}", name, unit.name); };
  return {{"run", "", true},
          {in_unit("prefill peak"), "while compressing: the caches done so far and one layer's whole prompt"},
          {in_unit("peak"), "largest, over the end of prefill and the decode steps"},
          {in_unit("end"), "after the last step"},
          {in_unit("mean"), "over decode steps"},
          {in_unit("scores"), "scores that the method keeps from step to step, beside keys and values"},
          {"tokens, fewest", "in the layer with the fewest: most tokens that a head attended to in a step"},
          {"tokens, most", "the same in the layer with the most"},
          {"evictions", "cache entries given up, over layers and heads"},
          {"moved rows", "rows that evictions moved in memory"}};
}

}  // namespace

std::optional<ReportTable> LedgerTable(const ReportGroup& group) {
  double largest = 0;
  for (const ReportRow& row : group.rows)
    if (row.ledger) largest = std::max({largest, row.ledger->peak_bytes, row.ledger->prefill_peak_bytes});
  if (largest == 0) return std::nullopt;
  const ByteUnit unit = ByteUnitFor(largest);
  ReportTable table{.id = "ledger",
                    .title = "Memory of the cache",
                    .caption = "What a sample's cached keys and values take, means over samples.",
                    .columns = Columns(unit),
                    .lines = {}};
  for (const ReportRow& row : group.rows) {
    std::vector<TableCell>& line = table.lines.emplace_back();
    line.push_back({row.label});
    if (row.ledger) {
      const Ledger& ledger = *row.ledger;
      for (const double bytes : {ledger.prefill_peak_bytes, ledger.peak_bytes, ledger.end_bytes,
                                 ledger.decode_mean_bytes, ledger.score_bytes})
        line.push_back({fmt::format("{:.3f}", bytes / unit.bytes)});
      line.push_back({OrEmpty(ledger.fewest_layer_tokens)});
      line.push_back({OrEmpty(ledger.most_layer_tokens)});
      line.push_back({fmt::format("{:.0f}", ledger.evictions)});
      line.push_back({fmt::format("{:.0f}", ledger.moved_rows)});
    }
    line.resize(table.columns.size());
  }
  return table;
}

}  // namespace kvscope
