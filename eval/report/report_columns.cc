#include "eval/report/report_columns.h"

#include <algorithm>
#include <array>

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr double kBytesPerMib = 1024.0 * 1024.0;
constexpr double kMsPerS = 1000.0;

std::string OrEmpty(const std::optional<int>& value) { return value ? std::to_string(*value) : ""; }

std::string OfLedger(const ReportRow& row, double Ledger::*field, double factor, int decimals) {
  return row.ledger ? fmt::format("{:.{}f}", (*row.ledger).*field * factor, decimals) : "";
}

std::string OfTimes(const ReportRow& row, double Times::*field, int decimals) {
  return row.times ? fmt::format("{:.{}f}", (*row.times).*field * kMsPerS, decimals) : "";
}

std::string Accuracy(const ReportRow& row) {
  return row.accuracy ? fmt::format("{:.2f}", row.accuracy->mean) : "";
}

std::string Interval(const ReportRow& row) {
  if (!row.accuracy || !row.accuracy->half_width) return "";
  return fmt::format("{:.2f}", *row.accuracy->half_width);
}

constexpr std::array kColumns = {
    ReportColumn{"method", "method", "prefill policy, and decode policy where there is one",
                 [](const ReportRow& row) { return row.run.config.method; }},
    ReportColumn{"C", "prefill_budget", "tokens a head keeps of the prompt",
                 [](const ReportRow& row) { return OrEmpty(row.run.config.prefill_budget); }},
    ReportColumn{"W", "window", "tokens a head holds in decoding",
                 [](const ReportRow& row) { return OrEmpty(row.run.config.window); }},
    ReportColumn{"accuracy %", "accuracy_percent", "questions answered right, mean over prompts", Accuracy},
    ReportColumn{"±", "accuracy_half_width",
                 "half of the 95 % confidence interval of that mean: Student's t over prompts", Interval},
    ReportColumn{"answered", "answered", "questions with an answer that could be read",
                 [](const ReportRow& row) { return std::to_string(row.score.Answered()); }},
    ReportColumn{
        "missing", "missing", "questions without an answer, or with one that could not be read",
        [](const ReportRow& row) { return std::to_string(row.score.missing + row.score.unparsable); }},
    ReportColumn{
        "KV peak MiB", "kv_peak_mib", "largest memory of a sample's cached keys and values, mean",
        [](const ReportRow& row) { return OfLedger(row, &Ledger::peak_bytes, 1 / kBytesPerMib, 3); }},
    ReportColumn{
        "of full %", "kv_share_percent", "that, in percent of the run without compression",
        [](const ReportRow& row) { return row.kv_share ? fmt::format("{:.1f}", 100 * *row.kv_share) : ""; }},
    ReportColumn{"evictions", "evictions", "cache entries given up by a sample, over layers and heads, mean",
                 [](const ReportRow& row) { return OfLedger(row, &Ledger::evictions, 1, 0); }},
    ReportColumn{"prefill ms", "prefill_ms", "reading the prompt, median over samples",
                 [](const ReportRow& row) { return OfTimes(row, &Times::prefill_s, 2); }, true},
    ReportColumn{"TTFT ms", "ttft_ms", "time to the first token: prefill and compression, median",
                 [](const ReportRow& row) { return OfTimes(row, &Times::ttft_s, 2); }, true},
    ReportColumn{"step p50 ms", "step_p50_ms", "one decode step, median over samples of a sample's median",
                 [](const ReportRow& row) { return OfTimes(row, &Times::step_p50_s, 3); }, true},
    ReportColumn{"step p99 ms", "step_p99_ms", "the same of a sample's 99th percentile",
                 [](const ReportRow& row) { return OfTimes(row, &Times::step_p99_s, 3); }, true},
};

}  // namespace

std::span<const ReportColumn> ReportColumns() { return kColumns; }

const ReportColumn& FindReportColumn(std::string_view key) {
  return *std::ranges::find(kColumns, key, &ReportColumn::key);
}

}  // namespace kvscope
