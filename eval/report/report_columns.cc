#include "eval/report/report_columns.h"

#include <array>

#include "fmt/format.h"

namespace kvscope {
namespace {

constexpr double kBytesPerMib = 1024.0 * 1024.0;
constexpr double kMsPerS = 1000.0;

std::string OrEmpty(const std::optional<int>& value) { return value ? std::to_string(*value) : ""; }

std::string Scaled(const std::optional<double>& value, double factor, int decimals) {
  return value ? fmt::format("{:.{}f}", *value * factor, decimals) : "";
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
                 [](const ReportRow& row) { return row.config.method; }},
    ReportColumn{"C", "prefill_budget", "tokens a head keeps of the prompt",
                 [](const ReportRow& row) { return OrEmpty(row.config.prefill_budget); }},
    ReportColumn{"W", "window", "tokens a head holds in decoding",
                 [](const ReportRow& row) { return OrEmpty(row.config.window); }},
    ReportColumn{"accuracy %", "accuracy_percent", "questions answered right, mean over prompts", Accuracy},
    ReportColumn{"±", "accuracy_half_width",
                 "half of the 95 % confidence interval of that mean: Student's t over prompts", Interval},
    ReportColumn{"answered", "answered", "questions with an answer that could be read",
                 [](const ReportRow& row) { return std::to_string(row.score.Answered()); }},
    ReportColumn{
        "missing", "missing", "questions without an answer, or with one that could not be read",
        [](const ReportRow& row) { return std::to_string(row.score.missing + row.score.unparsable); }},
    ReportColumn{"KV peak MiB", "kv_peak_mib", "largest memory of a sample's cached keys and values, mean",
                 [](const ReportRow& row) { return Scaled(row.kv_peak_bytes, 1 / kBytesPerMib, 3); }},
    ReportColumn{"of full %", "kv_share_percent", "that, in percent of the run without compression",
                 [](const ReportRow& row) { return Scaled(row.kv_share, 100, 1); }},
    ReportColumn{"evictions", "evictions", "cache entries given up by a sample, over layers and heads, mean",
                 [](const ReportRow& row) { return Scaled(row.evictions, 1, 0); }},
    ReportColumn{"prefill ms", "prefill_ms", "reading the prompt, median over samples",
                 [](const ReportRow& row) { return Scaled(row.prefill_s, kMsPerS, 2); }, true},
    ReportColumn{"TTFT ms", "ttft_ms", "time to the first token: prefill and compression, median",
                 [](const ReportRow& row) { return Scaled(row.ttft_s, kMsPerS, 2); }, true},
    ReportColumn{"step p50 ms", "step_p50_ms", "one decode step, median over samples of a sample's median",
                 [](const ReportRow& row) { return Scaled(row.step_p50_s, kMsPerS, 3); }, true},
    ReportColumn{"step p99 ms", "step_p99_ms", "the same of a sample's 99th percentile",
                 [](const ReportRow& row) { return Scaled(row.step_p99_s, kMsPerS, 3); }, true},
};

}  // namespace

std::span<const ReportColumn> ReportColumns() { return kColumns; }

}  // namespace kvscope
