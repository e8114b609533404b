// All runs of two folders against each other.
#pragma once

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "eval/compare/cell_comparison.h"
#include "eval/score/score_folder.h"

namespace kvscope {

// Paired as PairRuns does it. Better or worse: Holm-adjusted sign-flip p over the cells at most alpha. Else
// equivalent where a margin is given and the equivalence test's p is at most alpha.
absl::StatusOr<Comparison> CompareRuns(std::span<const JudgedRun> base, std::span<const JudgedRun> candidate,
                                       bool base_for_all, const CompareOptions& options);

// The same of folders that are runs or hold some. A base that is a run itself is compared with every run of
// the candidate. A run that cannot be read is a gap. NotFound where a folder holds no run, DataLoss where
// none can be read.
absl::StatusOr<Comparison> CompareFolders(const std::string& base, const std::string& candidate,
                                          const CompareOptions& options);

}  // namespace kvscope
