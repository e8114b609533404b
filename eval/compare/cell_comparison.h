// What a comparison of two runs says.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/compare/latency.h"
#include "eval/stats/clustered_accuracy.h"
#include "eval/stats/mcnemar.h"
#include "eval/stats/paired_mean.h"
#include "eval/stats/paired_ratio.h"
#include "results/run_record.h"

namespace kvscope {

struct CompareOptions {
  std::string scorer = "clean";
  uint64_t seed = 1;    // of the bootstrap
  double alpha = 0.05;  // of verdicts and intervals
  std::optional<double> margin_points;
  std::vector<std::string> allow;  // of MismatchKinds()
};

enum class DifferenceVerdict { kBetter, kWorse, kEquivalent, kNoDifferenceShown };
// "better", "worse", "equivalent within margin", "no difference shown"
std::string_view Name(DifferenceVerdict verdict);

inline constexpr const char* kUnknownFinish = "unknown";  // imported runs do not say why an output ended

// One of the two runs, over the paired samples.
struct ComparedRun {
  std::string folder;
  std::string run_id;
  RunConfig config;
  std::optional<ClusteredAccuracy> accuracy;
  std::map<std::string, int> finish;  // samples by "eos", "length", "error" and kUnknownFinish
  int overrun = 0;                    // samples that went on past the last answer
};

// Candidate - base in percentage points: 100 * (right answers more) / questions.
struct AccuracyDifference {
  int questions = 0;
  double points = 0;
  std::vector<double> by_prompt;  // each prompt's, their mean is `points`
  // nullopt for fewer than two prompts.
  std::optional<PairedMean> paired;
  std::optional<Interval> t_interval;
  std::optional<Interval> bootstrap_interval;
  std::optional<double> detectable_points;  // at 80 % power, by a t test of the options' alpha
  double sign_flip_p = 1;
  double adjusted_p = 1;  // Holm's, over the cells compared together
  DiscordantCounts discordant;
  double naive_mcnemar_p = 1;
  std::optional<double> clustered_mcnemar_p;
  // With a margin only.
  std::optional<double> equivalence_p;
  std::optional<double> non_inferiority_p;
};

struct KvDifference {
  double base_peak_bytes = 0;  // mean over samples
  double candidate_peak_bytes = 0;
  int samples_that_differ = 0;

  double Ratio() const { return candidate_peak_bytes / base_peak_bytes; }
};

struct LatencyRatio {
  LatencyComparison times;
  PairedRatio ratio;
};

struct CellComparison {
  std::string name;
  ComparedRun base;
  ComparedRun candidate;
  std::vector<std::string> differences;  // of the configurations: "window: 512 -> 1024"
  std::vector<std::string> mismatches;   // that the caller allowed
  int prompts = 0;                       // samples of both runs with the same prompt
  int outputs_that_differ = 0;
  // Prompts, not questions: that ran into the limit of new tokens, and that overran, in one run only.
  DiscordantCounts length, overrun;
  AccuracyDifference accuracy;
  std::optional<KvDifference> kv;     // nullopt unless every paired record says it
  std::vector<LatencyRatio> latency;  // empty where a run has no times
  DifferenceVerdict verdict = DifferenceVerdict::kNoDifferenceShown;
  std::vector<std::string> gaps;  // why it is incomplete: unpaired samples, partial runs, damaged lines
};

// The grid.
struct Comparison {
  CompareOptions options;
  std::vector<CellComparison> cells;
  std::vector<std::string> gaps;  // runs without a partner, or that cannot be read

  bool IsComplete() const;
};

}  // namespace kvscope
