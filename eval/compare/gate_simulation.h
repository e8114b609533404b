// How often the rules of a gate and the verdict err, on pairs of runs whose true difference is known.
#pragma once

#include <cstdint>
#include <string>

#include "eval/compare/gate_policy.h"

namespace kvscope {

// Shares of 1. A prompt's chance of a right answer, and what the candidate adds to it, are uniform about
// their means: no chance leaves [0, 1] with the values below and a true difference from -0.1 to 0.
struct PairModel {
  int prompts = 43;
  int questions = 30;       // a prompt
  double accuracy = 0.55;   // of the base
  double prompt_sd = 0.15;  // of prompts' chances: a design effect of 3.6 with 30 questions
  double agreement = 0.5;   // of questions that candidate and base meet with the same luck
  double effect_sd = 0.08;  // of what the candidate adds, from prompt to prompt
  double difference = 0;    // candidate - base, true mean
};

// Shares of the pairs drawn.
struct ErrorRates {
  double pass = 0;
  double inconclusive = 0;
  double fail = 0;
  double called_worse = 0;    // by the verdict: sign-flip p at most the rule's alpha, and below the base
  double mean_sd_points = 0;  // of prompts' differences
};

ErrorRates SimulateGate(const PairModel& model, const AccuracyRule& rule, int pairs, uint64_t seed);

// Outputs that may overrun, one a prompt.
struct EndingModel {
  int prompts = 32;
  double base_share = 0.5;  // of outputs that overrun in the base
  double agreement = 0.8;   // of prompts that candidate and base meet with the same luck
  double increase = 0;      // candidate - base, true share
};

// Shares of the pairs drawn that fail.
struct EndingErrorRates {
  double by_count = 0;  // max_overrun_increase of 0
  double paired = 0;    // more_overrun_alpha
};

EndingErrorRates SimulateEndings(const EndingModel& model, double alpha, int pairs, uint64_t seed);

// Markdown, for eval/README.md: where few, half and nearly all outputs overrun, over 6 to 43 prompts.
std::string EndingErrorTable();

// Markdown, for eval/README.md: sound pairs and pairs that are worse by the margin and by twice the margin,
// of a small change to a method and of another method, over 6 to 43 prompts.
std::string GateErrorTable();

}  // namespace kvscope
