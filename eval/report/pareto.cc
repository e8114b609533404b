#include "eval/report/pareto.h"

#include <algorithm>
#include <numeric>

namespace kvscope {

std::vector<size_t> ParetoFront(std::span<const CostAndGain> points) {
  std::vector<size_t> order(points.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) {
    return points[a].cost != points[b].cost ? points[a].cost < points[b].cost
                                            : points[a].gain > points[b].gain;
  });
  std::vector<size_t> front;
  for (const size_t i : order)
    if (front.empty() || points[i].gain > points[front.back()].gain) front.push_back(i);
  return front;
}

}  // namespace kvscope
