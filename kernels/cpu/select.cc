#include "kernels/select.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace kvscope {

std::vector<int> TopK(std::span<const float> scores, int k) {
  std::vector<int> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  const auto better = [&](int a, int b) {
    const float x = scores[static_cast<size_t>(a)], y = scores[static_cast<size_t>(b)];
    return x > y || (x == y && a < b);
  };
  if (k < static_cast<int>(order.size()))
    std::nth_element(order.begin(), order.begin() + k, order.end(), better);
  order.resize(static_cast<size_t>(k));
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<int> TopKAsTorch(std::span<const float> scores, int k) {
  using Entry = std::pair<float, int>;
  std::vector<Entry> entries(scores.size());
  for (size_t i = 0; i < scores.size(); ++i) entries[i] = {scores[i], static_cast<int>(i)};
  const auto better = [](const Entry& a, const Entry& b) { return a.first > b.first; };
  const auto begin = entries.begin(), end = entries.end();
  if (k > 0 && static_cast<int64_t>(k) * 64 <= static_cast<int64_t>(entries.size())) {
    std::partial_sort(begin, begin + k, end, better);
  } else if (k > 0) {
    std::nth_element(begin, begin + (k - 1), end, better);
    std::sort(begin, begin + (k - 1), better);
  }
  std::vector<int> indices(static_cast<size_t>(k));
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = entries[i].second;
  return indices;
}

std::vector<float> MaxPool(std::span<const float> in, int kernel) {
  const int n = static_cast<int>(in.size()), reach = kernel / 2;
  std::vector<float> out(in.size());
  for (int i = 0; i < n; ++i) {
    const auto first = in.begin() + std::max(0, i - reach);
    const auto last = in.begin() + std::min(n, i + reach + 1);
    out[static_cast<size_t>(i)] = *std::max_element(first, last);
  }
  return out;
}

}  // namespace kvscope
