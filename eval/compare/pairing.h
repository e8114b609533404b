// Which run of the base is compared with which run of the candidate.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "eval/score/score_folder.h"

namespace kvscope {

struct RunPair {
  std::string name;  // "gsm8k+ 4k, h2o+h2o -> h2o+slide, window=512"; no two pairs have the same
  const JudgedRun* base = nullptr;
  const JudgedRun* candidate = nullptr;
};

struct Pairing {
  std::vector<RunPair> pairs;
  std::vector<std::string>
      unmatched;  // runs without a partner: "DIR: the candidate has no run of window=128"
};

// Fields of the configuration that vary within one side span its grid: runs that agree in all of them are
// paired. Fields that are the same throughout a side may differ between the sides: they are what is compared.
// So two sweeps of one plan pair cell by cell, a sweep of one method pairs with a sweep of another window by
// window, and two single runs pair whatever they are. `base_for_all`: the base's one run is paired with every
// candidate. InvalidArgument when a side is empty or has two runs of one configuration. REQUIRES: both sides
// outlive the pairing; base.size() == 1 for `base_for_all`.
absl::StatusOr<Pairing> PairRuns(std::span<const JudgedRun> base, std::span<const JudgedRun> candidate,
                                 bool base_for_all);

}  // namespace kvscope
