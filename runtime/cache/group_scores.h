// One score for a cached head from those of the query heads that share it.
#pragma once

#include <span>

#include "runtime/methods/method.h"

namespace kvscope {

// out[j] = mean, maximum or sum of rows[h][j] over the group's query heads h. `rows`: [group], each
// [out.size()].
void CombineGroupScores(GroupScore how, std::span<const float* const> rows, std::span<float> out);

}  // namespace kvscope
