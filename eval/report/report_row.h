// What a report says of one run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/score/score_folder.h"

namespace kvscope {

struct ReportRow {
  RunConfig config;
  RunScore score;
  // Of the samples' scores in percent: prompts are the independent draws, not questions.
  std::optional<MeanInterval> accuracy;
  // Means over samples; nullopt where the runs do not say.
  std::optional<double> kv_peak_bytes;
  std::optional<double> kv_share;  // of the uncompressed run of the same group
  std::optional<double> evictions;
  // Medians over samples.
  std::optional<double> prefill_s;
  std::optional<double> ttft_s;
  std::optional<double> step_p50_s;
  std::optional<double> step_p99_s;
  std::vector<std::string> warnings;  // inactive method, incomplete run, damaged files
};

// Runs that may stand in one table: the same questions for the same model.
struct ReportGroup {
  std::string title;  // "arith+, 16 questions, arith-tiny"
  std::vector<ReportRow> rows;
};

// One row a run, in groups by task, size and model; in a group the uncompressed run comes first, then by
// method and window. `scorer` as in JudgedRun.
std::vector<ReportGroup> MakeReport(const std::vector<JudgedRun>& runs, std::string_view scorer);

}  // namespace kvscope
