// Exact selection by score: which entries of a cache stay.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace kvscope {

// The k highest of `scores` as indices, ascending. Of equal scores the smaller index wins. REQUIRES: k <=
// size.
std::vector<int> TopK(std::span<const float> scores, int k);

// The k highest as indices in the order, and with the choice among equals, of torch.topk on the CPU
// (libstdc++'s partial_sort where 64 k <= n, else nth_element and sort, comparing scores only): what the
// published traces were made with. REQUIRES: k <= size.
std::vector<int> TopKAsTorch(std::span<const float> scores, int k);

// Slot of the lowest score among those whose rank lies in [first_rank, end_rank), -1 where there is none; of
// equal scores that with the highest rank. Ranks differ. REQUIRES: scores and ranks have the same size.
int LowestCandidate(std::span<const float> scores, std::span<const int> ranks, int first_rank, int end_rank);

// out[i] = max of in[i - kernel / 2 .. i + kernel / 2] inside the row (stride 1, same length). REQUIRES:
// kernel is odd.
std::vector<float> MaxPool(std::span<const float> in, int kernel);

}  // namespace kvscope
