// What runs took and how they ended, a row a run.
#include <algorithm>

#include "eval/report/byte_unit.h"
#include "eval/report/charts/row_chart.h"
#include "eval/report/html/group_charts.h"
#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr const char* kBarsDescription = "A bar a run. Every value is in the table below.";

std::vector<std::optional<MeanInterval>> Values(std::initializer_list<double> values) {
  std::vector<std::optional<MeanInterval>> out;
  for (const double value : values)
    out.push_back(IsPlausible(value) ? std::optional(MeanInterval{value, std::nullopt}) : std::nullopt);
  return out;
}

}  // namespace

bool DrawTermination(const ReportGroup& group, const std::string& id, Markup& out) {
  RowChart chart;
  chart.text = {id, "How outputs ended", kBarsDescription};
  chart.x_label = "samples";
  chart.series = {"end of text", "length cap", "error", "unknown"};
  for (const ReportRow& row : group.rows) {
    const Termination& ended = row.termination;
    chart.rows.push_back(
        {row.label, Values({static_cast<double>(ended.eos), static_cast<double>(ended.length),
                            static_cast<double>(ended.error), static_cast<double>(ended.unknown)})});
  }
  DrawBars(chart, out);
  return true;
}

bool DrawTimes(const ReportGroup& group, const std::string& id, Markup& out) {
  RowChart chart;
  chart.text = {id, "Where the time goes", kBarsDescription};
  chart.x_label = "seconds a sample";
  chart.series = {"prefill", "compress", "decode", "select"};
  for (const ReportRow& row : group.rows)
    if (row.times)
      chart.rows.push_back({row.label, Values({row.times->mean_prefill_s, row.times->mean_compress_s,
                                               row.times->mean_decode_rest_s, row.times->mean_select_s})});
  if (chart.rows.empty()) return false;
  DrawBars(chart, out);
  return true;
}

bool DrawLedger(const ReportGroup& group, const std::string& id, Markup& out) {
  double largest = 0;
  for (const ReportRow& row : group.rows)
    if (row.ledger) largest = std::max({largest, row.ledger->peak_bytes, row.ledger->prefill_peak_bytes});
  if (largest == 0) return false;
  const ByteUnit unit = ByteUnitFor(largest);
  RowChart chart;
  chart.text = {id, "Memory of the cache",
                "A row a run, a mark a figure. Every value is in the table below."};
  chart.x_label = fmt::format("bytes of keys and values, {}", unit.name);
  chart.series = {"prefill peak", "peak", "end", "mean"};
  for (const ReportRow& row : group.rows) {
    if (!row.ledger) continue;
    const Ledger& ledger = *row.ledger;
    chart.rows.push_back(
        {row.label, Values({ledger.prefill_peak_bytes / unit.bytes, ledger.peak_bytes / unit.bytes,
                            ledger.end_bytes / unit.bytes, ledger.decode_mean_bytes / unit.bytes})});
  }
  DrawDots(chart, out);
  return true;
}

}  // namespace kvscope
