#include "runtime/cache/group_scores.h"

#include <algorithm>

namespace kvscope {

void CombineGroupScores(GroupScore how, std::span<const float* const> rows, std::span<float> out) {
  std::copy_n(rows.front(), out.size(), out.begin());
  for (const float* row : rows.subspan(1)) {
    for (size_t j = 0; j < out.size(); ++j) {
      out[j] = how == GroupScore::kMax ? std::max(out[j], row[j]) : out[j] + row[j];
    }
  }
  if (how != GroupScore::kMean || rows.size() == 1) return;
  const float share = 1.0f / static_cast<float>(rows.size());
  for (float& score : out) score *= share;
}

}  // namespace kvscope
