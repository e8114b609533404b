// Accuracy of parts of the questions: along the output, by kind, by distance of the reference.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "eval/metrics/mean_interval.h"
#include "eval/score/score_folder.h"

namespace kvscope {

struct Slice {
  std::string name;  // "9-12", "chained near"
  int questions = 0;
  int correct = 0;
  // Percent of the questions, the interval over the prompts that have some. nullopt for none.
  std::optional<MeanInterval> accuracy;
};

// At most this many parts of the output.
inline constexpr int kIndexSlices = 8;

// By place among `questions` questions, in parts as equal as whole questions allow.
// REQUIRES: questions >= 1.
std::vector<Slice> SliceByIndex(const JudgedRun& run, std::string_view scorer, int questions);

// arith+ only; without questions for other tasks. Direct, chained near, chained far.
std::vector<Slice> SliceByKind(const JudgedRun& run, std::string_view scorer);

// arith+ only: by how many questions back the one stands that a chained question refers to: 1, 2, 3, 4-7,
// 8-15,
// ...
std::vector<Slice> SliceByDistance(const JudgedRun& run, std::string_view scorer);

}  // namespace kvscope
