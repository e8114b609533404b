// What a report says of one run.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/report/measurements.h"
#include "eval/report/slices.h"
#include "eval/score/score_folder.h"

namespace kvscope {

// A question that a run did not answer right.
struct Miss {
  std::string sample;
  int number = 0;
  std::string question;
  std::string gold;
  std::string output;  // what the scorer judged, cut to a line; empty where the question was not taken up
};

struct ReportRow {
  std::string folder;
  std::string label;  // tells the run from the others of its group: "full+slide W=64"
  RunRecord run;
  RunScore score;
  // Of the samples' scores in percent: prompts are the independent draws, not questions.
  std::optional<MeanInterval> accuracy;
  std::optional<Ledger> ledger;    // nullopt where the run does not say
  std::optional<double> kv_share;  // of the peak bytes of the uncompressed run of the same group
  std::optional<Times> times;      // nullopt in accuracy mode
  Termination termination;
  std::vector<Slice> by_index;
  std::vector<Slice> by_kind;
  std::vector<Slice> by_distance;
  std::optional<Miss> first_miss;  // of the first prompt that has one
};

// Something that a reader has to know before believing a figure.
struct ReportWarning {
  std::vector<size_t> rows;  // that it concerns; none: the whole group
  std::string message;
};

// Runs that may stand in one table: the same questions for the same model.
struct ReportGroup {
  std::string title;  // "arith+, 16 questions a prompt, arith-tiny, clean"
  std::vector<ReportRow> rows;
  std::vector<ReportWarning> warnings;
};

inline constexpr std::string_view kUncompressedMethod = "full";

// One row a run, in groups by task, size and model; in a group the uncompressed run comes first, then by
// method and window. `scorer` as in JudgedRun.
std::vector<ReportGroup> MakeReport(const std::vector<JudgedRun>& runs, std::string_view scorer);

// The uncompressed run; nullptr where there is none with an accuracy.
const ReportRow* FindUncompressed(const ReportGroup& group);

}  // namespace kvscope
