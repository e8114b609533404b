#include "eval/stats/paired_ratio.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "eval/metrics/quantile.h"

namespace kvscope {
namespace {

std::vector<double> SortedWalshAverages(std::span<const double> values) {
  std::vector<double> averages;
  averages.reserve(values.size() * (values.size() + 1) / 2);
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = i; j < values.size(); ++j) averages.push_back((values[i] + values[j]) / 2);
  std::ranges::sort(averages);
  return averages;
}

// P(W = w) of the signed-rank statistic under the null hypothesis, w = 0 .. n (n + 1) / 2.
std::vector<double> SignedRankDistribution(size_t n) {
  std::vector<double> share = {1};
  for (size_t rank = 1; rank <= n; ++rank) {
    std::vector<double> next(share.size() + rank);
    for (size_t w = 0; w < share.size(); ++w) {
      next[w] += share[w] / 2;
      next[w + rank] += share[w] / 2;
    }
    share = std::move(next);
  }
  return share;
}

// How many averages to leave out at either end: the largest c with P(W < c) <= (1 - confidence) / 2.
size_t LeftOut(size_t n, double confidence) {
  const std::vector<double> share = SignedRankDistribution(n);
  double below = 0;
  size_t c = 0;
  while (c < share.size() && below + share[c] <= (1 - confidence) / 2) below += share[c++];
  return c;
}

}  // namespace

std::optional<PairedRatio> RatioOfPairs(std::span<const double> log_ratios, double confidence) {
  if (log_ratios.empty()) return std::nullopt;
  const std::vector<double> averages = SortedWalshAverages(log_ratios);
  PairedRatio result{.pairs = static_cast<int>(log_ratios.size()),
                     .ratio = std::exp(*Quantile(averages, 0.5)),
                     .interval = std::nullopt};
  if (const size_t c = LeftOut(log_ratios.size(), confidence); c > 0)
    result.interval = {.low = std::exp(averages[c - 1]), .high = std::exp(averages[averages.size() - c])};
  return result;
}

}  // namespace kvscope
